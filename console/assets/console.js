// Keeps the page current: asks for it again, and changes only what differs, so that focus,
// selection, scrolling and what is being typed stay as they are. Nothing is ever parsed from a
// string here: the browser's own loader makes the document, which runs no script.
"use strict";

const body = document.body;
let tag = "", failures = 0, timer = 0;

function key(node) {
  return node.nodeType === 1 ? node.getAttribute("data-key") || node.id || node.getAttribute("aria-labelledby") || "" : "";
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

// morph turns the element a into b.
function morph(a, b) {
  const open = a.localName === "details" && a.open; // by whoever reads it
  for (const { name } of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
  for (const { name, value } of [...b.attributes]) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
  if (open) a.open = true;
  const wanted = new Set([...b.childNodes].map(key));
  for (const node of [...a.childNodes]) if (!wanted.has(key(node))) node.remove();
  let at = a.firstChild;
  for (const want of [...b.childNodes]) {
    let have = at;
    if (key(want)) while (have && !same(have, want)) have = have.nextSibling;
    if (!have || !same(have, want)) {
      a.insertBefore(document.importNode(want, true), at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else (a.moveBefore || a.insertBefore).call(a, have, at); // the first keeps the focus
    if (have.nodeType === 1) {
      if (!(have.hasAttribute("data-keep") && have.contains(document.activeElement)) && !typed(have)) morph(have, want);
    } else if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}

// typed reports whether somebody has begun to fill in the form.
function typed(el) {
  return el.hasAttribute("data-keep") && [...el.querySelectorAll("textarea, input, select")].some((t) => {
    if (t.type === "checkbox") return t.checked !== t.defaultChecked;
    if (t.options) return [...t.options].some((o) => o.selected !== o.defaultSelected && !(t.selectedIndex === 0 && o.index === 0));
    return t.value !== t.defaultValue;
  });
}

function stale(text) {
  const p = document.getElementById("stale");
  p.hidden = !text;
  if (p.textContent !== text) p.textContent = text;
}

function update() {
  const ask = new XMLHttpRequest();
  ask.open("GET", location.pathname + location.search);
  ask.responseType = "document";
  ask.timeout = 10000;
  if (tag) ask.setRequestHeader("If-None-Match", tag);
  ask.onload = () => {
    if (ask.status !== 304) { // else there is no document, not even to look for
      const next = ask.response && ask.response.getElementById("main");
      // What is on the page, or is being typed, is worth more than an error page.
      if (ask.status >= 500) return fail(next ? next.querySelector("h1").textContent + "." : "");
      if (!next) return fail("The server answers with another page: reload this one.");
      tag = ask.getResponseHeader("ETag") || "";
      morph(document.getElementById("main"), next);
      document.title = ask.response.title;
      settle();
    }
    failures = 0;
    stale("");
    later();
  };
  ask.onerror = ask.ontimeout = () => fail("");
  ask.send();
}

function fail(why) {
  failures++;
  if (failures > 1) stale((why || "The server does not answer.") + " What you see may be out of date.");
  later();
}

// later asks again soon while something moves, less often at rest or when nobody answers, and not at
// all while nobody looks.
function later() {
  clearTimeout(timer);
  if (document.hidden) return;
  const moving = document.querySelector("#main .busy, #main .back .i-busy");
  timer = setTimeout(update, Math.min((moving ? 1000 : 2500) * (1 + failures), 30000));
}

// settle puts back what the server does not know of: what is hidden without a script, the size of the
// picture, and whose lines are lit.
function settle() {
  for (const el of document.querySelectorAll("[data-script]")) el.hidden = false;
  resize();
  light();
}

// The size of the picture is kept as a part of its own size; 0 fits it into the page.
let zoom = 1;

function picture() { return document.querySelector("#graph > svg"); }

function resize() {
  const svg = picture();
  if (!svg) return;
  const { width, height } = svg.viewBox.baseVal, frame = svg.parentElement, style = getComputedStyle(frame);
  const page = document.documentElement.clientWidth, edge = parseFloat(getComputedStyle(document.documentElement).fontSize) * 4;
  const room = Math.max(document.getElementById("main").clientWidth, page - edge) - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 2;
  const part = zoom || Math.min(1, room / width);
  svg.setAttribute("width", Math.round(width * part));
  svg.setAttribute("height", Math.round(height * part));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (!button || !picture()) return;
  const now = picture().width.baseVal.value / picture().viewBox.baseVal.width;
  zoom = { fit: 0, full: 1, out: Math.max(now / 1.25, 0.2), in: Math.min(now * 1.25, 3) }[button.dataset.zoom];
  resize();
});

// The lines of an operation that has the focus, or is pointed at, stand out, and so do those at
// their ends.
let lit = "";

function light() {
  const box = lit && document.querySelector(`#graph a.box[data-n="${lit}"]`);
  const ends = new Set();
  for (const e of document.querySelectorAll("#graph .edge")) {
    const on = Boolean(box) && (e.dataset.from === lit || e.dataset.to === lit);
    if (on) ends.add(e.dataset.from).add(e.dataset.to);
    e.classList.toggle("lit", on);
  }
  for (const b of document.querySelectorAll("#graph a.box")) b.classList.toggle("lit", b.dataset.n !== lit && ends.has(b.dataset.n));
}

for (const [kind, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(kind, (event) => {
    const box = event.target.closest && event.target.closest("#graph a.box");
    if (!box) return;
    lit = on ? box.dataset.n : "";
    light();
  });
}

// "/" goes to the search, unless somebody types; from another page to that of the first.
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  if (search) find();
  else location.assign(document.querySelector(".brand").href + "#q");
});

function find() {
  const search = document.getElementById("q");
  if (!search) return;
  search.focus();
  search.select();
}

if (location.hash === "#q") find();

settle();

// The picture begins where something happens.
const box = document.querySelector("#graph a:is(.bad, .busy, .back, .warn)");
if (box) document.getElementById("graph").scrollLeft = box.getBBox().x - 40;

if (body.hasAttribute("data-poll")) {
  document.addEventListener("visibilitychange", () => { clearTimeout(timer); if (!document.hidden) update(); });
  later();
}
