"use strict";
(() => {
  const table = document.getElementById("events");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const words = document.getElementById("words");
  const kind = document.getElementById("kind");
  const state = document.getElementById("state");
  const count = document.getElementById("count");
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (!kind.value || row.dataset.k === kind.value)
        && (!state.value || row.dataset.s.split(" ").includes(state.value))
        && wanted.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  }

  function value(row, column, type) {
    const text = row.cells[column].textContent.trim();
    if (type !== "number") return text === "-" ? null : text;
    const number = parseFloat(text);
    return Number.isNaN(number) ? null : number;
  }

  function compare(a, b) {
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  }

  function sort(column, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    const keyed = rows.map((row) => [value(row, column, head.dataset.type), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...keyed.map(([, row]) => row));
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(column, head));
    head.replaceChildren(button);
  });
  for (const control of [words, kind, state]) control.addEventListener("input", filter);
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filter").hidden = false;
  filter();
})();
