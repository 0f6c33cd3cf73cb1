// Filter the table of works by idea, by what is executed, by the text we had and by words.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector(".works table");
  if (!table) return;
  const executed = /[a-z][a-z -]*[a-z]/;
  filterRows({
    place: table.closest(".works"),
    rows: [...table.tBodies[0].rows],
    facts: [
      ["idea", "every idea", (work) => work.cells[1].textContent.trim()],
      ["here", "executed or not", (work) => work.cells[3].textContent.match(executed)[0]],
      ["text", "every text", (work) => work.cells[4].textContent.trim()],
    ],
    words: (work) => work.textContent,
    placeholder: "words of a title, a name, a relation",
  });
});
