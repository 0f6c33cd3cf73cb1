// Sort and filter the table of claims; without this script it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];

  // What rows can be filtered by: a label for "any", and what a row has.
  const facts = [
    ["every section", (row) => row.dataset.section],
    ["every kind", (row) => row.dataset.kind],
    ["the paper's and ours", (row) => row.dataset.source],
    ["every verdict", (row) => row.cells[4].textContent],
  ];
  const choices = facts.map(([label, fact]) => {
    const select = document.createElement("select");
    select.setAttribute("aria-label", label);
    select.add(new Option(label, ""));
    for (const value of new Set(rows.map(fact))) select.add(new Option(value, value));
    return select;
  });
  const search = Object.assign(document.createElement("input"), {
    type: "search",
    placeholder: "filter: words of a statement, an id, a place",
    size: 38,
  });
  search.setAttribute("aria-label", "filter");
  const count = document.createElement("output");
  const controls = document.createElement("div");
  controls.className = "ledger-filter";
  controls.append(search, ...choices, count);
  table.before(controls);

  // What a row says, without the code that measured it.
  const said = rows.map((row) => {
    const copy = row.cloneNode(true);
    copy.querySelector("pre").remove();
    return copy.textContent.toLowerCase();
  });

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const [i, row] of rows.entries()) {
      const chosen = choices.every(({ value }, k) => !value || facts[k][1](row) === value);
      row.hidden = !chosen || !words.every((word) => said[i].includes(word));
    }
    count.value = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  controls.addEventListener("input", filter);

  // A place sorts as in the paper, a number by size, anything else by its words.
  const key = (row, i) => {
    if (i === 0) return rows.indexOf(row);
    const { value } = row.cells[i].dataset;
    return value === undefined ? row.cells[i].textContent : Number(value);
  };
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const keyed = rows.map((row) => [key(row, i), row]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
      body.append(...keyed.map(([, row]) => row));
    });
  });

  const unfold = () => {
    const row = rows.find((candidate) => `#${candidate.id}` === location.hash);
    if (!row) return;
    // A link leads to its row even if that was filtered out.
    if (row.hidden) {
      for (const control of [search, ...choices]) control.value = "";
      filter();
    }
    row.querySelector("details").open = true;
    row.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", unfold);
  filter();
  unfold();
});
