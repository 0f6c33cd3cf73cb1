// Native controls: a slider, or a field for a number, with its label and its value beside it.

/** Make a control; returns its element and a function that shows a value. */
export function control(spec, id, document, changed) {
  const { label, kind = "range", min, max, step, format } = spec;
  const box = document.createElement("div");
  box.className = "explorable-control";
  const name = document.createElement("label");
  name.setAttribute("for", id);
  name.textContent = label;
  const input = document.createElement("input");
  for (const [key, value] of Object.entries({ id, type: kind, min, max, step })) {
    input.setAttribute(key, value);
  }
  box.append(name);
  const output = kind === "range" ? document.createElement("output") : null;
  if (output) {
    output.setAttribute("for", id);
    // The slider itself tells its value.
    output.setAttribute("aria-live", "off");
    box.append(output);
  }
  box.append(input);
  input.addEventListener("input", () => {
    const value = input.valueAsNumber;
    // A field that is being written may hold no number yet.
    if (Number.isFinite(value)) changed(Math.min(Math.max(value, min), max));
  });
  function show(value) {
    if (output) {
      output.textContent = format(value);
      input.setAttribute("aria-valuetext", format(value));
      input.setAttribute("value", value);
    }
    if (document.activeElement !== input || output) input.value = value;
  }
  return { box, show };
}
