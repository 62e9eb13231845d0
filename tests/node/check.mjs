// What only a script in the browser sees, of many pages: axe-core's findings, console errors, failed requests, pages that are too wide,
// and whether anything that came with events was run as a program.
//
//   node check.mjs < question > findings
//
// The question: {"base": "http://127.0.0.1:8025", "navigation": true, "pages": [{"path": "/?range=24h", "status": 200, "texts": ["a<b"]}],
// "widths": [390, 1280], "schemes": ["light", "dark"], "axe": true}. With "navigation" every page that the navigation of "/" leads to is
// visited too; "cookies": [["name", "value"]] are sent along. The answer: {"visited": ["/", ...], "findings": [{"page", "width", "scheme", "what"}]}.
//
// Modules are looked for in $REPUTE_NODE.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.REPUTE_NODE}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const question = JSON.parse(readFileSync(0, "utf8"));
const { base, pages = [], cookies = [], widths = [1280], schemes = ["light"] } = question;
const findings = [];
const visited = new Set();

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"],
});

// Programs that come with events call this; nothing else does.
const watch = () => {
  window.ran = [];
  for (const name of ["alert", "confirm", "prompt", "pwned"]) window[name] = (what) => window.ran.push(`${name} ${what}`);
  document.addEventListener("securitypolicyviolation", (event) => {
    window.ran.push(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  });
};

async function open(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, baseURL: base });
  await context.addCookies(cookies.map(([name, value]) => ({ name, value, url: base })));
  await context.addInitScript(watch);
  const page = await context.newPage();
  const state = { page, context, width, scheme, path: "", expected: 200 };
  const note = (what) => findings.push({ page: state.path, width, scheme, what });
  page.on("console", (message) => {
    const isOurs = message.type() === "error" && state.expected >= 400 && message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isOurs) note(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => note(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    note(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("requestfailed", (request) => note(`request failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) note(`request to a stranger: ${request.url()}`);
  });
  page.on("response", (response) => {
    const isPage = response.request().isNavigationRequest();
    if (response.status() >= 400 && !isPage) note(`${response.status()} ${response.url()}`);
  });
  return { ...state, state, note };
}

async function assess({ page, width, note }, when) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > width) note(`${when}: ${wide} px wide`);
  if (!question.axe) return;
  await page.evaluate(axe);
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), RULES);
  for (const { id, help, nodes } of violations) {
    const places = nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${node.failureSummary.replace(/\s+/g, " ")})`);
    note(`${when}: ${id}: ${help}: ${places.join("; ")}${nodes.length > 3 ? ` and ${nodes.length - 3} more` : ""}`);
  }
}

async function visit(tab, { path, status = 200, texts = [] }) {
  const { page, state, note } = tab;
  Object.assign(state, { path, expected: status });
  visited.add(path);
  const answer = await page.goto(path);
  if (answer.status() !== status) note(`answered ${answer.status()}`);
  await assess(tab, "as it comes");
  // What is folded away is part of the page as well.
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    const menu = document.getElementById("menu");
    if (menu && getComputedStyle(menu).position === "fixed") menu.showPopover();
  });
  await assess(tab, "unfolded");
  const shown = await page.evaluate(() => document.body.innerText);
  for (const text of texts) if (!shown.includes(text)) note(`does not show ${JSON.stringify(text)}`);
  // Values of fields go back to the server as they came, so control characters are in them, but written as references.
  const bytes = `${await answer.text()}${shown.replaceAll("\t", " ")}`;
  const control = bytes.match(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
  if (control) note(`holds U+${control[0].codePointAt(0).toString(16)} after ${bytes.slice(Math.max(0, control.index - 60), control.index)}`);
  // Everything that can be hovered, focused or pointed at has been, at least once.
  for (const what of await page.evaluate(() => window.ran)) note(what);
}

async function linksOf(tab) {
  await tab.page.goto("/");
  return tab.page.evaluate(() => [...document.querySelectorAll("nav[aria-label=Pages] a")].map((a) => a.getAttribute("href")));
}

for (const width of widths) {
  for (const scheme of schemes) {
    const tab = await open(width, scheme);
    const links = question.navigation ? await linksOf(tab) : [];
    for (const asked of [...links.map((path) => ({ path })), ...pages]) await visit(tab, asked);
    await tab.context.close();
  }
}
await browser.close();
process.stdout.write(JSON.stringify({ visited: [...visited], findings }));
