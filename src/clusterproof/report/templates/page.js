"use strict";
// The page is whole without this: it copies commands, finds rows, and follows links into folds.
for (const box of document.querySelectorAll(".command")) {
  const code = box.querySelector("code");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the command");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  box.append(button);
}
// Rows that match neither the words nor the outcomes that are chosen are hidden.
const rows = [...document.querySelectorAll("article.finding:not(.cause), .rows tbody tr")];
const outcomeOf = (row) => row.closest("section").getAttribute("aria-labelledby");
const made = (tag, attributes, ...inside) => {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...inside);
  return node;
};
const words = made("input", { type: "search", placeholder: "Find rows" });
words.setAttribute("aria-label", "Find rows by any word");
words.setAttribute("aria-keyshortcuts", "/");
const chosen = [...new Set(rows.map(outcomeOf))].map((outcome) => made("input", { type: "checkbox", checked: true, value: outcome }));
const count = made("output", {});
const find = () => {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const outcomes = new Set(chosen.filter((box) => box.checked).map((box) => box.value));
  const narrowed = wanted.length > 0 || outcomes.size < chosen.length;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !outcomes.has(outcomeOf(row)) || !wanted.every((word) => text.includes(word));
  }
  for (const group of document.querySelectorAll("section > .group")) {
    group.hidden = narrowed && !group.querySelector("tbody tr:not([hidden])");
    group.open = wanted.length > 0 && !group.hidden;
  }
  for (const area of document.querySelectorAll("h3.area")) {
    let shown = false;
    for (let node = area.nextElementSibling; node && node.tagName === "ARTICLE"; node = node.nextElementSibling) {
      shown = shown || !node.hidden;
    }
    area.hidden = !shown;
  }
  count.textContent = narrowed ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
};
const unfind = () => {
  words.value = "";
  for (const box of chosen) { box.checked = true; }
  find();
};
if (rows.length > 1) {
  const labels = chosen.map((box) => made("label", {}, box, ` ${box.value.replace("-", " ")}`));
  const search = made("div", { className: "find only-screen" }, words, ...labels, count);
  search.setAttribute("role", "search");
  search.addEventListener("input", find);
  document.querySelector("main").prepend(search);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== words) {
      event.preventDefault();
      words.focus();
    } else if (event.key === "Escape") {
      unfind();
    }
  });
}
// A link to a folded or hidden row shows it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("[hidden]")) { unfind(); }
  for (let node = target; node; node = node.parentElement) {
    if (node.tagName === "DETAILS") { node.open = true; }
  }
  if (target) { target.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
