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
  for (const { name } of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
  for (const { name, value } of [...b.attributes]) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
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
  return el.hasAttribute("data-keep") && [...el.querySelectorAll("textarea")].some((t) => t.value !== t.defaultValue);
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

// The picture begins where something happens.
const box = document.querySelector(".graph :is(.bad, .busy, .back, .warn)");
if (box) box.closest(".graph").scrollLeft = box.getBBox().x - 40;

if (body.hasAttribute("data-poll")) {
  for (const el of document.querySelectorAll("[data-script]")) el.hidden = false;
  document.addEventListener("visibilitychange", () => { clearTimeout(timer); if (!document.hidden) update(); });
  later();
}
