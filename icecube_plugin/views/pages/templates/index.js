"use strict";
(() => {
  const table = document.getElementById("events");
  const heads = Array.from(table.tHead.rows[0].cells);
  const controls = ["words", "kind", "state", "signalness", "far", "since"]
    .map((name) => document.getElementById(name));
  const [words, kind, state, signalness, far, since] = controls;
  const count = document.getElementById("count");
  const TIME = 1, STATE = 3, SIGNALNESS = 7, FAR = 8;
  let rows, texts, sorted = [TIME, true];

  function take() {
    rows = Array.from(table.tBodies[0].rows);
    texts = new Map(rows.map((row) => [row, all(row).toLowerCase()]));
  }

  function all(row) {
    const page = row.querySelector("a").getAttribute("href");
    const text = `${row.textContent} ${page} ${row.dataset.n || ""}`;
    return `${text} ${text.replaceAll("IceCube-", "IC")}`;
  }

  function number(row, column) {
    return parseFloat(row.cells[column].textContent);
  }

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (!kind.value || row.dataset.k === kind.value)
        && (!state.value || row.cells[STATE].textContent.trim().split(", ").includes(state.value))
        && (!signalness.value || number(row, SIGNALNESS) >= parseFloat(signalness.value))
        && (!far.value || number(row, FAR) <= parseFloat(far.value))
        && (!since.value || row.cells[TIME].textContent >= since.value)
        && wanted.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  }

  function value(row, column, type) {
    const text = row.cells[column].textContent.trim();
    if (type !== "number") return text === "-" ? null : text;
    const found = parseFloat(text);
    return Number.isNaN(found) ? null : found;
  }

  function compare(a, b) {
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  }

  function sort(column, down) {
    const head = heads[column];
    const keyed = rows.map((row) => [value(row, column, head.dataset.type), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...keyed.map(([, row]) => row));
    sorted = [column, down];
  }

  function keep() {
    const said = new URLSearchParams();
    for (const control of controls) {
      const usual = control === state ? usualState : "";
      if (control.value !== usual) said.set(control.id, control.value);
    }
    if (sorted[0] !== TIME || !sorted[1]) said.set("sort", `${sorted[1] ? "-" : ""}${sorted[0]}`);
    history.replaceState(null, "", `#${said}`);
  }

  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const control of controls) {
      control.value = said.get(control.id) ?? (control === state ? usualState : "");
    }
    const column = Math.abs(parseInt(said.get("sort"), 10));
    if (column < heads.length) sort(column, said.get("sort").startsWith("-"));
    filter();
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      sort(column, head.getAttribute("aria-sort") === "ascending");
      keep();
    });
    head.replaceChildren(button);
  });
  for (const control of controls) {
    control.addEventListener("input", () => { filter(); keep(); });
  }
  take();
  const usualState = Array.from(state.options).some((one) => one.value === "real") ? "real" : "";
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filter").hidden = false;
  const isSmall = matchMedia("(max-width: 40rem)").matches; // a phone shows the newest events first
  document.getElementById("more").open = !isSmall || location.hash.length > 1;
  window.addEventListener("hashchange", recall);
  window.addEventListener("icecube-rows", () => { take(); sort(...sorted); filter(); });
  recall();
  const refresh = Number(document.getElementById("main").dataset.refresh);
  if (refresh) setTimeout(() => location.reload(), 1000 * refresh);
})();
