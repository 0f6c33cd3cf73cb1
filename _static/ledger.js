// Sort and filter the table of claims, and keep what is chosen in the address.
// Without this script it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const claims = [...table.tBodies];

  // What claims can be filtered by: its name in the address, and a label for "any".
  const facts = {
    paper: "every paper",
    section: "every section",
    kind: "every kind",
    source: "printed and ours",
    verdict: "every verdict",
  };
  const said = {
    section: (value) => (/^\d/.test(value) ? `Section ${value}` : `Appendix ${value}`),
    source: (value) => (value === "ours" ? "ours only" : "printed only"),
  };
  // Statements of one paper go by its sections, those of many by their papers.
  delete facts[new Set(claims.map((claim) => claim.dataset.paper)).size > 1 ? "section" : "paper"];
  const choices = Object.entries(facts).map(([name, label]) => {
    const select = Object.assign(document.createElement("select"), { name });
    select.setAttribute("aria-label", label);
    select.add(new Option(label, ""));
    for (const value of new Set(claims.map((claim) => claim.dataset[name]))) {
      select.add(new Option(said[name]?.(value) ?? value, value));
    }
    return select;
  });
  const search = Object.assign(document.createElement("input"), {
    type: "search",
    name: "q",
    placeholder: "words of a statement, an id, a place",
  });
  search.setAttribute("aria-label", "filter by words");
  const identities = Object.assign(document.createElement("input"), { type: "checkbox" });
  const hide = document.createElement("label");
  hide.append(identities, " hide exact identities");
  const count = document.createElement("output");
  const all = Object.assign(document.createElement("button"), {
    type: "button",
    textContent: "show all",
  });
  const controls = document.createElement("div");
  controls.className = "ledger-filter";
  controls.append(search, ...choices, hide, count, all);
  table.before(controls);

  // What a claim says, without the code that measured it.
  const words = claims.map((claim) => {
    const copy = claim.cloneNode(true);
    copy.querySelector("pre").remove();
    return copy.textContent.toLowerCase();
  });

  // Links from the book ask for a list of names.
  let names = [];

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/);
    for (const [i, claim] of claims.entries()) {
      const chosen =
        choices.every(({ name, value }) => !value || claim.dataset[name] === value) &&
        !(identities.checked && claim.dataset.kind === "exact identity") &&
        (!names.length || names.includes(claim.dataset.name));
      claim.hidden = !chosen || !wanted.every((word) => words[i].includes(word));
    }
    const left = claims.filter((claim) => !claim.hidden).length;
    count.value = `${left} of ${claims.length}`;
    all.hidden = left === claims.length;
  };

  const remember = () => {
    const query = new URLSearchParams();
    for (const { name, value } of [search, ...choices]) if (value) query.set(name, value);
    if (identities.checked) query.set("identities", "hide");
    if (names.length) query.set("ids", names.join(","));
    const tail = query.size ? `?${query}` : "";
    history.replaceState(null, "", `${location.pathname}${tail}${location.hash}`);
  };

  const recall = () => {
    const query = new URLSearchParams(location.search);
    search.value = query.get("q") ?? "";
    for (const select of choices) {
      const value = (query.get(select.name) ?? "").replace(/^the /, "");
      select.value = [...select.options].some((option) => option.value === value) ? value : "";
    }
    identities.checked = query.get("identities") === "hide";
    names = query.get("ids")?.split(",") ?? [];
  };

  const reset = () => {
    for (const control of [search, ...choices]) control.value = "";
    identities.checked = false;
    names = [];
    filter();
    remember();
  };
  controls.addEventListener("input", () => {
    filter();
    remember();
  });
  all.addEventListener("click", reset);

  // A place sorts as in the paper, a number by size, anything else by its words.
  const key = (claim, i) => {
    if (i === 0) return claims.indexOf(claim);
    const cell = claim.rows[0].cells[i];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const heads = [...table.tHead.rows[0].cells];
  for (const [i, head] of heads.entries()) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const keyed = claims.map((claim) => [key(claim, i), claim]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
      table.append(...keyed.map(([, claim]) => claim));
    });
  }

  // A link leads to its claim even if that was filtered out.
  const unfold = () => {
    const claim = claims.find(({ id }) => `#${id}` === location.hash);
    if (!claim) return;
    if (claim.hidden) reset();
    claim.querySelector("details").open = true;
    claim.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", unfold);
  recall();
  filter();
  unfold();
});
