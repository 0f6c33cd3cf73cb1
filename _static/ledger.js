// Sort and filter the table of claims, and keep what is chosen in the address.
// Without this script it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const claims = [...table.tBodies];

  // Statements of one paper go by its sections, those of many by their papers.
  const many = new Set(claims.map((claim) => claim.dataset.paper)).size > 1;
  const place = (value) => (/^\d/.test(value) ? `Section ${value}` : `Appendix ${value}`);
  const whose = (value) => (value === "ours" ? "ours only" : "printed only");
  const identities = Object.assign(document.createElement("input"), { type: "checkbox" });
  const hide = document.createElement("label");
  hide.append(identities, " hide exact identities");
  // Links from the book ask for a list of names.
  let names = [];

  const reset = filterRows({
    place: table,
    rows: claims,
    facts: [
      many
        ? ["paper", "every paper", (claim) => claim.dataset.paper]
        : ["section", "every section", (claim) => claim.dataset.section, place],
      ["kind", "every kind", (claim) => claim.dataset.kind],
      ["source", "printed and ours", (claim) => claim.dataset.source, whose],
      ["verdict", "every verdict", (claim) => claim.dataset.verdict],
    ],
    // What a claim says, without the code that measured it.
    words: (claim) => {
      const copy = claim.cloneNode(true);
      copy.querySelector("pre").remove();
      return copy.textContent;
    },
    placeholder: "words of a statement, an id, a place",
    more: [
      {
        control: hide,
        keeps: (claim) => !(identities.checked && claim.dataset.kind === "exact identity"),
        read: (query) => {
          identities.checked = query.get("identities") === "hide";
        },
        write: (query) => {
          if (identities.checked) query.set("identities", "hide");
        },
      },
      {
        keeps: (claim) => !names.length || names.includes(claim.dataset.name),
        read: (query) => {
          names = query.get("ids")?.split(",") ?? [];
        },
        write: (query) => {
          if (names.length) query.set("ids", names.join(","));
        },
      },
    ],
  });

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
  unfold();
});
