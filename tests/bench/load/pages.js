// Asks for pages at a constant rate, whether or not the server keeps up (k6). What is asked is drawn by the number of the request,
// so that every run asks the same; ranges and filters vary, so that few answers were given before.
//
//   PLAN  JSON: url, first, last (seconds), values {dimension: [...]}, pages [[weight, path, kind], ...], scenarios, summary

import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";

const plan = JSON.parse(open(__ENV.PLAN));

export const options = {
  scenarios: plan.scenarios,
  discardResponseBodies: true,
  // One connection for each at work, as a browser keeps it.
  noVUConnectionReuse: false,
  summaryTrendStats: ["count", "med", "p(95)", "p(99)", "max"],
  thresholds: thresholds(),
};

const statuses = new Counter("answers");
const shed = new Trend("shed", true);
const health = new Trend("health", true);
const retryable = new Counter("without_retry_after");

// k6 tells figures of a tag only where a threshold names it.
function thresholds() {
  const found = {};
  for (const [, , kind] of plan.pages) found[`http_req_duration{kind:${kind},scenario:mixed}`] = ["max>=0"];
  for (const scenario of Object.keys(plan.scenarios)) {
    found[`http_req_duration{scenario:${scenario}}`] = ["max>=0"];
    for (const status of ["0", "200", "400", "404", "422", "500", "502", "503", "504"]) {
      found[`answers{scenario:${scenario},status:${status}}`] = ["count>=0"];
    }
  }
  return found;
}

// mulberry32: the same numbers for the same request in every run.
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function time(seconds) {
  return new Date(Math.round(seconds) * 1000).toISOString().slice(0, 16);
}

function pick(list, next) {
  return list[Math.floor(next() * list.length)];
}

// Half the time a preset, else a free range of an hour to all of it; a third of them filtered.
function range(next, isApi) {
  const [length, from] = [next(), next()];
  if (length < 0.5 && !isApi) return [`range=${pick(["24h", "7d", "21d"], next)}`];
  const whole = plan.last - plan.first;
  const span = 3600 * Math.pow(whole / 3600, next());
  const start = plan.first + from * (whole - span);
  const zone = isApi ? ":00Z" : "";
  const names = isApi ? ["since", "until"] : ["from", "to"];
  return [`${names[0]}=${time(start)}${zone}`, `${names[1]}=${time(start + span)}${zone}`];
}

function query(path, next) {
  const isApi = path.startsWith("/api/");
  const [place, fixed] = path.split("?");
  const asked = fixed ? fixed.split("&") : [];
  asked.push(...range(next, isApi));
  const kind = next();
  if (kind < 0.33) {
    const dimension = kind < 0.2 ? "configuration_set" : pick(Object.keys(plan.values), next);
    asked.push(`${dimension}=${encodeURIComponent(pick(plan.values[dimension], next))}`);
  }
  return `${place}?${asked.join("&")}`;
}

const weights = plan.pages.reduce((sum, [weight]) => sum + weight, 0);

function choose(next) {
  let left = next() * weights;
  for (const [weight, path, kind] of plan.pages) {
    left -= weight;
    if (left < 0) return [path, kind];
  }
  const [, path, kind] = plan.pages[plan.pages.length - 1];
  return [path, kind];
}

function ask(path, kind) {
  const answer = http.get(plan.url + path, {
    headers: { "Accept-Encoding": "gzip" },
    tags: { kind, name: kind },
    timeout: "20s",
  });
  statuses.add(1, { status: String(answer.status) });
  if (answer.status === 503) {
    shed.add(answer.timings.duration);
    if (!answer.headers["Retry-After"]) retryable.add(1);
  }
  return answer;
}

export function mixed() {
  const next = numbers(plan.seed + scenarioIteration() * 7919);
  const [path, kind] = choose(next);
  ask(plan.plain.includes(path) ? path : query(path, next), kind);
}

export function worst() {
  const next = numbers(plan.seed + scenarioIteration() * 104729);
  const [path, kind] = pick(plan.worst, next);
  // A microsecond more each time, so that no answer serves twice.
  const since = `${time(plan.first)}:00.${String(scenarioIteration() + 1).padStart(6, "0")}Z`;
  ask(`${path}&since=${since}`, kind);
}

export function alive() {
  health.add(ask("/healthz", "healthz").timings.duration);
}

function scenarioIteration() {
  return exec.scenario.iterationInTest;
}

export function handleSummary(data) {
  return { [plan.summary]: JSON.stringify(data.metrics) };
}
