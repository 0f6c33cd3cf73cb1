// Filter the table of works by idea, by what is executed and by words, and keep what is chosen in
// the address. Without this script it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector(".works table");
  if (!table) return;
  const works = [...table.tBodies[0].rows];

  // What works can be filtered by: its name in the address, a label for "any", and its value.
  const facts = [
    ["idea", "every idea", (work) => work.cells[1].textContent.trim()],
    ["here", "executed or not", (work) => work.cells[3].textContent.match(/[a-z][a-z -]*[a-z]/)[0]],
    ["text", "every text", (work) => work.cells[4].textContent.trim()],
  ];
  const choices = facts.map(([name, label, value]) => {
    const select = Object.assign(document.createElement("select"), { name });
    select.setAttribute("aria-label", label);
    select.add(new Option(label, ""));
    for (const found of new Set(works.map(value))) select.add(new Option(found, found));
    return select;
  });
  const search = Object.assign(document.createElement("input"), {
    type: "search",
    name: "q",
    placeholder: "words of a title, a name, a relation",
  });
  search.setAttribute("aria-label", "filter by words");
  const count = document.createElement("output");
  const all = Object.assign(document.createElement("button"), {
    type: "button",
    textContent: "show all",
  });
  const controls = document.createElement("div");
  controls.className = "ledger-filter";
  controls.append(search, ...choices, count, all);
  table.closest(".works").before(controls);

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/);
    for (const work of works) {
      const words = work.textContent.toLowerCase();
      work.hidden = !(
        choices.every(({ value }, i) => !value || facts[i][2](work) === value) &&
        wanted.every((word) => words.includes(word))
      );
    }
    const left = works.filter((work) => !work.hidden).length;
    count.value = `${left} of ${works.length}`;
    all.hidden = left === works.length;
  };

  const remember = () => {
    const query = new URLSearchParams();
    for (const { name, value } of [search, ...choices]) if (value) query.set(name, value);
    const tail = query.size ? `?${query}` : "";
    history.replaceState(null, "", `${location.pathname}${tail}${location.hash}`);
  };

  const recall = () => {
    const query = new URLSearchParams(location.search);
    search.value = query.get("q") ?? "";
    for (const select of choices) {
      const value = query.get(select.name) ?? "";
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
  };

  controls.addEventListener("input", () => {
    filter();
    remember();
  });
  all.addEventListener("click", () => {
    for (const control of [search, ...choices]) control.value = "";
    filter();
    remember();
  });
  recall();
  filter();
});
