// Filters above a table, which keep what is chosen in the address.
//
// `place` is what they stand before, and `rows` what they hide. Each of `facts` is a name in the
// address, a label for "any", the value of a row and, if they differ, the words for a value.
// `words` are those of a row. `more` are filters of another kind: each may have a control, tells
// which rows it keeps, and reads itself from a query and writes itself to one. Returns what shows
// all rows again.
function filterRows({ place, rows, facts, words, placeholder, more = [] }) {
  const made = (name, properties) => Object.assign(document.createElement(name), properties);
  const choices = facts.map(([name, label, value, said = (value) => value]) => {
    const select = made("select", { name });
    select.setAttribute("aria-label", label);
    select.add(new Option(label, ""));
    for (const found of new Set(rows.map(value))) select.add(new Option(said(found), found));
    return select;
  });
  const search = made("input", { type: "search", name: "q", placeholder });
  search.setAttribute("aria-label", "filter by words");
  const count = document.createElement("output");
  const all = made("button", { type: "button", textContent: "show all" });
  const controls = made("div", { className: "ledger-filter" });
  const others = more.flatMap(({ control }) => control ?? []);
  controls.append(search, ...choices, ...others, count, all);
  place.before(controls);

  const said = rows.map((row) => words(row).toLowerCase());
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/);
    for (const [i, row] of rows.entries()) {
      row.hidden = !(
        choices.every(({ value }, k) => !value || facts[k][2](row) === value) &&
        more.every(({ keeps }) => keeps(row)) &&
        wanted.every((word) => said[i].includes(word))
      );
    }
    const left = rows.filter((row) => !row.hidden).length;
    count.value = `${left} of ${rows.length}`;
    all.hidden = left === rows.length;
  };

  const remember = () => {
    const query = new URLSearchParams();
    for (const { name, value } of [search, ...choices]) if (value) query.set(name, value);
    for (const { write } of more) write(query);
    const tail = query.size ? `?${query}` : "";
    history.replaceState(null, "", `${location.pathname}${tail}${location.hash}`);
  };

  const recall = (query) => {
    search.value = query.get("q") ?? "";
    for (const select of choices) {
      const value = (query.get(select.name) ?? "").replace(/^the /, "");
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    for (const { read } of more) read(query);
    filter();
  };

  const reset = () => {
    recall(new URLSearchParams());
    remember();
  };
  controls.addEventListener("input", () => {
    filter();
    remember();
  });
  all.addEventListener("click", reset);
  recall(new URLSearchParams(location.search));
  return reset;
}
