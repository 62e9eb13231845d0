// Fetches the page again while somebody looks at it, and puts what is new in its place without moving anything.
//
// <body data-live="30"> names the seconds between two looks. Elements with `data-part` are what is renewed.

// A look that takes longer is given up.
const PATIENCE = 20_000;
// After failures the waits grow up to this.
const LONGEST_WAIT = 300_000;

const live = { timer: 0, busy: false, over: false, failures: 0, seen: Date.now(), shown: new Date(), wait: 0 };

function every() {
  const link = navigator.connection;
  const isSlow = link?.saveData || /2g/.test(link?.effectiveType ?? "");
  return Number(document.body.dataset.live) * 1_000 * (isSlow ? 4 : 1);
}

function isPaused() {
  try {
    return sessionStorage.getItem("repute-paused") === "yes";
  } catch {
    return live.paused === true;
  }
}

function pause(paused) {
  live.paused = paused;
  try {
    sessionStorage.setItem("repute-paused", paused ? "yes" : "no");
  } catch {
    // Kept for this page only.
  }
}

function clock(time) {
  return `${time.toISOString().slice(11, 19)} UTC`;
}

function ageOf(time) {
  const seconds = Math.max(0, Math.round((Date.now() - time) / 1_000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function say(state, text) {
  document.querySelector(".live").dataset.state = state;
  const status = document.querySelector("[data-live-status]");
  if (status.textContent !== text) status.textContent = text;
}

function sayPaused() {
  say("paused", `Paused; shown is ${clock(live.shown)}`);
}

function plan(wait) {
  clearTimeout(live.timer);
  if (!live.over && !isPaused() && !document.hidden) live.timer = setTimeout(look, wait);
}

// `Retry-After`, in seconds or as a date.
function retryAfter(answer) {
  const text = answer.headers.get("Retry-After") ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 1_000), LONGEST_WAIT) : 0;
}

function fail(what, wait = 0) {
  live.failures += 1;
  say("lost", `${what}; shown is ${clock(live.shown)}, ${ageOf(live.shown)} old`);
  live.wait = Math.max(wait, Math.min(every() * 2 ** (live.failures - 1), LONGEST_WAIT));
}

function stop(what) {
  live.over = true;
  say("lost", `${what}; shown is ${clock(live.shown)}`);
}

function renew(fresh) {
  const style = 'link[rel="stylesheet"]';
  const isOther = fresh.querySelector(style)?.href !== document.querySelector(style).href;
  const edited = [...document.forms].some(isInUse);
  // Another version of the program, or an error that is over: the whole page is another one.
  if ((isOther || document.querySelector(".notice-error")) && !edited) return location.reload();
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (next) morph(part, document.adoptNode(next));
  }
  document.dispatchEvent(new Event("renewed"));
}

async function look() {
  clearTimeout(live.timer);
  if (live.busy || live.over) return;
  live.busy = true;
  live.wait = every();
  const started = performance.now();
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const options = { signal, cache: "no-store", redirect: "manual", headers: { Accept: "text/html" } };
    const answer = await fetch(location.href, options);
    if (answer.type === "opaqueredirect" || answer.status === 401) return stop("Signed out: load the page again");
    if (answer.status === 503 || answer.status === 429) return fail("The server is busy", retryAfter(answer));
    if (!answer.ok) return fail(`The server answers ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    live.shown = new Date(answer.headers.get("Date") ?? Date.now());
    live.failures = 0;
    live.wait = Math.max(every(), 10 * (performance.now() - started));
    renew(fresh);
    if (isPaused()) sayPaused();
    else say("live", `Updated ${clock(live.shown)}`);
  } catch (error) {
    if (error.name === "TypeError" || error.name === "TimeoutError") fail("The server cannot be reached");
    else throw error;
  } finally {
    live.busy = false;
    live.seen = Date.now();
    plan(live.wait);
  }
}

function nameButton() {
  document.querySelector("[data-live-pause]").textContent = isPaused() ? "Resume" : "Pause";
}

document.addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("[data-live-status]")) return;
  nameButton();
  if (isPaused()) sayPaused();
  else say("live", `Loaded ${clock(live.shown)}`);
  document.querySelector("[data-live-now]").addEventListener("click", look);
  document.querySelector("[data-live-pause]").addEventListener("click", () => {
    pause(!isPaused());
    nameButton();
    if (isPaused()) sayPaused();
    else look();
    if (isPaused()) clearTimeout(live.timer);
  });
  document.addEventListener("visibilitychange", () => plan(Math.max(0, live.seen + every() - Date.now())));
  addEventListener("online", () => plan(0));
  // Back from the browser's history.
  addEventListener("pageshow", (event) => event.persisted && plan(0));
  plan(every());
});
