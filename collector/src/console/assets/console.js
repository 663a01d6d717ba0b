// Keys in lists: j and k walk, Enter opens; Escape goes back, / goes to the search. Only while nothing is typed into,
// never with Ctrl, Alt or Meta, never while an input method composes. Everything they do has a link of its own.
"use strict";

const rows = () => [...document.querySelectorAll("table[data-keys=list] tbody tr")];

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

function walk(step) {
  const all = rows();
  if (all.length === 0) return false;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  next.querySelector("a.open").focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function press(key) {
  const place = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (place === null) return false;
  if (place.matches("input")) place.focus();
  else place.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
  const done =
    event.key === "j" ? walk(1) :
    event.key === "k" ? walk(-1) :
    event.key === "/" || event.key === "Escape" ? press(event.key) :
    false;
  if (done) event.preventDefault();
});

// What a fragment brought is told to screen readers too.
document.addEventListener("htmx:after:swap", () => {
  const note = document.querySelector("#newer a");
  const status = document.querySelector("#status");
  if (status !== null) status.textContent = note === null ? "" : note.textContent;
});
