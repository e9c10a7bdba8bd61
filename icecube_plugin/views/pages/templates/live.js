(() => {
  const SILENT_MS = 10000; // the server speaks every 2 s
  const part = (name) => document.getElementById(`live-${name}`);
  let now = null, at = 0, version = null;

  function span(seconds) {
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const first = units.findIndex(([, size]) => seconds >= size);
    const shown = units.slice(first < 0 ? 3 : first, first < 0 ? 4 : first + 2);
    return shown.map(([unit, size]) => {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      return `${count} ${unit}`;
    }).join(" ");
  }

  function show() {
    const silent = Date.now() - at > SILENT_MS;
    const wrong = silent ? ["this page has lost its server"] : now.problems;
    part("state").textContent = wrong.length ? `NOT CONNECTED: ${wrong.join("; ")}` : "Connected";
    document.getElementById("live").dataset.state = wrong.length ? "lost" : "well";
    const newest = now && now.newest;
    if (!newest) return;
    part("headline").textContent = newest.headline;
    part("headline").href = newest.href;
    const age = newest.time === null ? -1 : (Date.now() - Date.parse(newest.time)) / 1000;
    part("age").textContent = age < 0 ? "" : `${span(age)} after the event`;
  }

  async function renew() {
    const answer = await fetch("index.html");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!document.querySelector("#events td")) return location.reload(); // the first alert
    for (const name of ["#events tbody", ".season", "header .lead", "header .names"]) {
      const [old, fresh] = [document.querySelector(name), page.querySelector(name)];
      if (old && fresh) old.replaceWith(fresh);
    }
    for (const name of ["kind", "state"]) {
      const [old, fresh] = [document.getElementById(name), page.getElementById(name)];
      const chosen = old.value;
      old.replaceChildren(...fresh.children);
      old.value = chosen;
    }
    window.dispatchEvent(new Event("icecube-rows"));
  }

  new EventSource("live").addEventListener("message", (event) => {
    now = JSON.parse(event.data);
    at = Date.now();
    if (version !== null && now.version !== version) renew();
    version = now.version;
    show();
  });
  setInterval(show, 1000);
})();
