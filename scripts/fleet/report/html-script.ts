/**
 * What the page over many does by itself: search, show one verdict alone, sort by a column. No library, no request. Of
 * thousands of rows only some are laid out at a time, which is what takes a browser long.
 */
export const SCRIPT = `
"use strict";
const STEP = 200;
const body = document.querySelector("#backups tbody");
let rows = [...body.rows];
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const search = document.querySelector("#search");
const only = document.querySelector("#only");
const shown = document.querySelector("#shown");
const more = document.querySelector("#more");
let most = STEP;
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const text = texts.get(row);
    const fits = words.every((word) => text.includes(word)) && (only.value === "" || row.dataset.verdict === only.value);
    if (fits) count += 1;
    row.hidden = !fits || count > most;
  }
  shown.textContent = count + " of " + rows.length + (count > most ? ", the first " + most + " shown" : "");
  more.hidden = count <= most;
}
function anew() { most = STEP; filter(); }
let waiting;
search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(anew, 80); });
only.addEventListener("change", anew);
more.addEventListener("click", () => { most += 5 * STEP; filter(); });
for (const button of document.querySelectorAll("#backups thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const at = head.cellIndex;
    const numeric = button.dataset.kind === "number";
    const keys = new Map(rows.map((row) => [row, row.cells[at].dataset.key ?? row.cells[at].textContent]));
    rows = rows.toSorted((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      // What is not known comes last, whichever way.
      if (x === "" || y === "") return x === y ? 0 : x === "" ? 1 : -1;
      const order = numeric ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
      return ascending ? order : -order;
    });
    most = STEP;
    filter();
    body.replaceChildren(...rows);
  });
}
for (const control of document.querySelectorAll(".controls, #backups thead button")) control.hidden = false;
filter();
`;
