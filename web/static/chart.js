// Charts: a line across all charts of a page at the window under the pointer or the arrow keys, its exact figures, and a range to zoom into.
//
// <div class="plot-box" data-until="..."> around an <svg> with <rect class="hint" data-at="..."><title>figures</title></rect> per window

const plots = new Map();
let drag = null;

function add(box, name, cls, role) {
  const element = document.createElement(name);
  element.className = cls;
  element.dataset.keep = "";
  if (role) element.setAttribute("role", role);
  else element.setAttribute("aria-hidden", "true");
  element.hidden = true;
  return box.appendChild(element);
}

// Reads the windows of a chart, once for every drawing.
function plotOf(box) {
  const svg = box.querySelector("svg");
  const known = plots.get(box);
  if (known?.first === svg.querySelector(".hint")) return known;
  const hints = [...svg.querySelectorAll(".hint")];
  const windows = hints.map((hint) => ({
    left: parseFloat(hint.getAttribute("x")) / 100,
    width: parseFloat(hint.getAttribute("width")) / 100,
    at: hint.dataset.at,
    text: hint.textContent,
  }));
  const plot = { ...(known ?? outfit(box, svg)), svg, first: hints[0], windows };
  plots.set(box, plot);
  return plot;
}

function outfit(box, svg) {
  box.dataset.enhanced = "";
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  const name = svg.querySelector("title").textContent;
  box.setAttribute("aria-label", `${name}: arrow keys show its windows, with shift they choose a range, enter zooms into it`);
  const parts = { range: add(box, "div", "plot-range"), line: add(box, "div", "plot-line"), tip: add(box, "div", "plot-tip") };
  parts.told = add(box, "p", "unseen", "status");
  parts.told.hidden = false;
  return { box, index: -1, anchor: -1, ...parts };
}

// The plot's left edge in its box, and its width.
function extent(plot) {
  const [outer, inner] = [plot.box.getBoundingClientRect(), plot.svg.getBoundingClientRect()];
  return [inner.left - outer.left, inner.width];
}

function windowAt(plot, clientX) {
  const [left, width] = extent(plot);
  const share = (clientX - plot.box.getBoundingClientRect().left - left) / width;
  const index = plot.windows.findLastIndex((window) => window.left <= share);
  return Math.max(0, index);
}

function place(element, left, width) {
  element.style.left = `${left}px`;
  if (width !== undefined) element.style.width = `${width}px`;
  element.hidden = false;
}

function tell(plot, window, left, width, middle) {
  const [time, figure, ...rest] = window.text.split("\n");
  const lines = [["b", figure], ["span", time], ...rest.map((line) => ["span", line])];
  plot.tip.replaceChildren(...lines.map(([name, text]) => {
    const line = document.createElement(name);
    line.textContent = text;
    return line;
  }));
  plot.tip.hidden = false;
  const room = plot.tip.offsetWidth + 12;
  plot.tip.style.left = `${middle + room > left + width ? Math.max(0, middle - room) : middle + 12}px`;
}

// Shows a window in its chart, and where it is in the others.
function show(plot, index, { anchor = -1, aloud = false } = {}) {
  plot.index = Math.min(Math.max(index, 0), plot.windows.length - 1);
  plot.anchor = anchor;
  for (const other of plots.values()) {
    const window = other.windows[plot.index];
    if (!other.box.isConnected || window?.at !== plot.windows[plot.index]?.at) continue;
    const [left, width] = extent(other);
    const middle = left + (window.left + window.width / 2) * width;
    place(other.line, middle);
    if (other !== plot) continue;
    tell(plot, window, left, width, middle);
    if (aloud) plot.told.textContent = window.text.replaceAll("\n", ", ");
    plot.range.hidden = anchor < 0;
    if (anchor >= 0) {
      const [one, two] = ends(plot);
      const from = left + plot.windows[one].left * width;
      const to = left + (plot.windows[two].left + plot.windows[two].width) * width;
      place(plot.range, from, to - from);
    }
  }
}

function ends(plot) {
  const anchor = plot.anchor < 0 ? plot.index : plot.anchor;
  return [Math.min(anchor, plot.index), Math.max(anchor, plot.index)];
}

function hide(plot) {
  plot.index = plot.anchor = -1;
  plot.told.textContent = "";
  for (const other of plots.values()) for (const part of [other.line, other.tip, other.range]) part.hidden = true;
}

// The same page for the chosen windows only.
function zoom(plot) {
  const [one, two] = ends(plot);
  if (one < 0) return;
  const address = new URL(location.href);
  address.searchParams.delete("range");
  address.searchParams.set("from", plot.windows[one].at);
  address.searchParams.set("to", plot.windows[two + 1]?.at ?? plot.box.dataset.until);
  location.assign(address);
}

function boxOf(event) {
  const box = event.target.closest?.(".plot-box");
  return box?.querySelector(".hint") ? box : null;
}

document.addEventListener("pointermove", (event) => {
  if (drag) return show(drag, windowAt(drag, event.clientX), { anchor: drag.anchor });
  const box = boxOf(event);
  if (box) show(plotOf(box), windowAt(plotOf(box), event.clientX));
  else for (const plot of plots.values()) if (plot.index >= 0 && plot.box !== document.activeElement) hide(plot);
});

document.addEventListener("pointerdown", (event) => {
  const box = boxOf(event);
  if (!box || event.button !== 0) return;
  const plot = plotOf(box);
  const index = windowAt(plot, event.clientX);
  show(plot, index);
  if (event.pointerType !== "mouse") return;
  event.preventDefault();
  drag = plot;
  drag.anchor = index;
});

document.addEventListener("pointerup", () => {
  const plot = drag;
  drag = null;
  if (!plot) return;
  if (plot.anchor !== plot.index) zoom(plot);
  else show(plot, plot.index);
});

document.addEventListener("pointercancel", () => {
  drag = null;
});

document.addEventListener("keydown", (event) => {
  const box = event.target.classList?.contains("plot-box") ? event.target : null;
  if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
  const plot = plotOf(box);
  const last = plot.windows.length - 1;
  const from = plot.index < 0 ? last + 1 : plot.index;
  const to = { ArrowLeft: from - 1, ArrowRight: Math.min(from + 1, last), Home: 0, End: last }[event.key];
  if (to !== undefined) {
    const anchor = plot.anchor < 0 ? Math.min(from, last) : plot.anchor;
    show(plot, to, { anchor: event.shiftKey ? anchor : -1, aloud: true });
  } else if (event.key === "Enter" && plot.index >= 0) zoom(plot);
  else if (event.key === "Escape" && plot.index >= 0) hide(plot);
  else return;
  event.preventDefault();
});

document.addEventListener("focusout", (event) => {
  const plot = plots.get(event.target);
  if (plot && plot.index >= 0) hide(plot);
});

function outfitAll() {
  for (const box of document.querySelectorAll(".plot-box")) if (box.querySelector(".hint")) plotOf(box);
}

document.addEventListener("DOMContentLoaded", outfitAll);

// Charts were drawn anew: what was shown is shown again, with the new figures.
document.addEventListener("renewed", () => {
  for (const [box, plot] of plots) if (!box.isConnected) plots.delete(box);
  outfitAll();
  for (const { box, index, anchor } of [...plots.values()]) if (index >= 0) show(plotOf(box), index, { anchor });
});
