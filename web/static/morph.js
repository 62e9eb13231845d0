// Makes one tree of elements equal to another, touching only what differs: what is kept keeps its scroll position, its focus, the
// selection of its text, and whether it is open.

// What a node is known by among its neighbours: its id, `data-key`, or the head of a table's row.
function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.id || node.dataset.key) return `${node.nodeName} ${node.id || node.dataset.key}`;
  const head = node.nodeName === "TR" ? node.cells[0] : null;
  return head?.scope === "row" ? `TR ${head.textContent}` : "";
}

function isEdited(field) {
  if (field.type === "hidden") return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.nodeName === "SELECT") {
    const usual = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(0, usual);
  }
  return "defaultValue" in field && field.value !== field.defaultValue;
}

// A form that somebody is filling in.
function isInUse(form) {
  const field = document.activeElement;
  const writes = form.contains(field) && field.matches("input, select, textarea");
  return writes || [...form.elements].some(isEdited);
}

function morphAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (name === "open" && old.nodeName === "DETAILS") continue;
    if (name === "hidden" && old.hasAttribute("data-script")) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What the script has added stays.
  if (old.hasAttribute("data-enhanced")) return;
  for (const { name } of [...old.attributes]) {
    if (name === "open" && old.nodeName === "DETAILS") continue;
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function isKept(node) {
  return node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-keep");
}

function morphChildren(old, fresh) {
  const known = new Map();
  for (const child of old.children) if (keyOf(child)) known.set(keyOf(child), child);
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (at && isKept(at)) at = at.nextSibling;
    const key = keyOf(next);
    const alike = at && !key && !keyOf(at) && at.nodeName === next.nodeName ? at : null;
    const match = key ? known.get(key) : alike;
    known.delete(key);
    if (!match) {
      old.insertBefore(next, at);
    } else {
      if (match === at) at = at.nextSibling;
      else if (old.moveBefore) old.moveBefore(match, at);
      else old.insertBefore(match, at);
      morph(match, next);
    }
  }
  while (at) {
    const next = at.nextSibling;
    if (!isKept(at)) at.remove();
    at = next;
  }
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (isKept(old) || (old.nodeName === "FORM" && isInUse(old))) return;
  morphAttributes(old, fresh);
  if (old.isEqualNode(fresh)) return;
  // A drawing has nothing to keep.
  if (old.nodeName === "svg") old.replaceChildren(...fresh.childNodes);
  else morphChildren(old, fresh);
}
