// Draws the charts of a report and joins them: hints, filters, brushes that reach every chart and the table, the
// keyboard, and paper. Needs `vegaEmbed`, and nothing that a sandboxed frame withholds.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const rows = (columns) => {
    const names = Object.keys(columns);
    const count = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: count }, (_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };
  const tables = read("tables");
  const views = new Map();
  const tip = document.querySelector(".tip");
  const told = document.querySelector(".voice");

  const show = (x, y, value) => {
    const list = document.createElement("dl");
    const pairs = typeof value === "object" ? Object.entries(value) : [["", value]];
    for (const [name, content] of pairs) {
      list.append(Object.assign(document.createElement("dt"), { textContent: name }));
      list.append(Object.assign(document.createElement("dd"), { textContent: String(content) }));
    }
    tip.replaceChildren(list);
    tip.classList.add("shown");
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - box.width - 6))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : y + 18}px`;
  };
  const hide = () => tip.classList.remove("shown");

  async function draw(chart) {
    const drawing = chart.querySelector(".drawing");
    const specification = read(`spec-${chart.dataset.name}`);
    for (const data of specification.data) {
      if (tables[data.name] && !data.values && !data.source) data.values = rows(tables[data.name]);
    }
    const options = { mode: "vega", renderer: "svg", actions: false, defaultStyle: false, tooltip: () => {} };
    const { view } = await vegaEmbed(drawing, specification, options);
    // Vega's own hints answer at the corners of a line alone.
    view.addEventListener("pointermove", (event, item) => (item?.tooltip ? show(event.clientX, event.clientY, item.tooltip) : hide()));
    view.addEventListener("pointerout", hide);
    views.set(chart.dataset.name, view);
    if (view.getState({ signals: (name) => name === "only_group_legend" }).signals.only_group_legend !== undefined)
      chart.classList.add("legend-click");
  }

  // One brush for the whole page: what the parallel coordinates keep stays lit everywhere.
  function join() {
    const parallel = views.get("parallel");
    if (!parallel) return;
    const status = document.querySelector(".kept");
    const whole = status.textContent;
    const spread = () => {
      const lines = parallel.data("lines");
      const kept = lines.filter((line) => line.kept).map((line) => line.trial);
      const all = kept.length === lines.length;
      for (const [name, view] of views) {
        if (name !== "parallel" && hasSignal(view, "brushed")) view.signal("brushed", all ? null : kept).runAsync();
      }
      const chosen = new Set(kept);
      for (const row of document.querySelectorAll("#trials tbody tr"))
        row.classList.toggle("brushed-away", !all && !chosen.has(Number(row.dataset.trial)));
      status.textContent = all ? whole : `${kept.length} of ${lines.length} trials are kept, in every chart and in the table of trials.`;
    };
    parallel.addDataListener("lines", spread);
  }
  const hasSignal = (view, name) => name in view.getState({ signals: (each) => each === name, data: () => false }).signals;

  // Arrow keys walk through the marks of a chart that has the focus.
  function walk(chart) {
    let at = -1;
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") return hide();
      if (!step || event.target !== chart) return;
      const marks = [...chart.querySelectorAll('[role="graphics-symbol"][aria-label], [role="graphics-object"][aria-label] path[aria-label]')]
        .filter((mark) => !mark.closest(".role-axis, .role-legend"));
      if (!marks.length) return;
      event.preventDefault();
      at = (at + step + marks.length) % marks.length;
      const words = marks[at].getAttribute("aria-label");
      const box = marks[at].getBoundingClientRect();
      told.textContent = words;
      show(box.right - 10, box.bottom - 14, words);
    });
    chart.addEventListener("blur", hide);
  }

  function sortable(table) {
    for (const [index, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = document.createElement("button");
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent.trim();
        const compare = (one, other) => {
          const [a, b] = [key(one), key(other)];
          if ((a === "-") !== (b === "-")) return a === "-" ? 1 : -1; // what is absent comes last
          const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
          return down ? -order : order;
        };
        const sorted = [...table.tBodies[0].rows].sort(compare);
        const few = Number(table.dataset.few);
        for (const [place, row] of sorted.entries()) row.classList.toggle("later", place >= few);
        table.tBodies[0].append(...sorted);
      });
    }
  }

  // On paper, charts are as wide as paper.
  function paper(on) {
    if (document.body.classList.contains("paper") === on) return;
    document.body.classList.toggle("paper", on);
    for (const view of views.values()) resize(view);
  }
  function resize(view) {
    const width = view.container().clientWidth;
    if (width && Math.abs(view.signal("width") - width) > 0.5) view.signal("width", width).run();
  }

  async function begin() {
    document.documentElement.classList.add("scripted");
    for (const table of document.querySelectorAll("table.sortable")) sortable(table);
    for (const button of document.querySelectorAll("[data-all]"))
      button.addEventListener("click", () => {
        document.getElementById(button.dataset.all).classList.add("all");
        button.closest("p").remove();
      });
    const charts = [...document.querySelectorAll(".chart")];
    for (const chart of charts) {
      await draw(chart);
      walk(chart);
    }
    join();
    addEventListener("scroll", hide, { passive: true });
    addEventListener("beforeprint", () => paper(true));
    addEventListener("afterprint", () => paper(false));
    matchMedia("print").addEventListener("change", (query) => paper(query.matches));
    if (matchMedia("print").matches) paper(true);
    document.documentElement.dataset.drawn = String(charts.length);
  }
  begin();
})();
