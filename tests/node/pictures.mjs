// Draws pages: node pictures.mjs BASE FOLDER FILE=PATH@WIDTHxHEIGHT,SCHEME ...
//
// Modules are looked for in $REPUTE_NODE.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.REPUTE_NODE}/`);
const { chromium } = require("playwright-core");
const [base, folder, ...pictures] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
for (const picture of pictures) {
  const [, file, path, width, height, colorScheme] = picture.match(/^([^=]+)=(.*)@(\d+)x(\d+),(\w+)$/);
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) }, colorScheme });
  await page.goto(base + path);
  // The time of the picture says nothing.
  await page.evaluate(() => document.querySelector("[data-live-status]")?.replaceChildren("Live"));
  await page.screenshot({ path: `${folder}/${file}.png` });
  await page.close();
}
await browser.close();
