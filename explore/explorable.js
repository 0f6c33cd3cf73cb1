// An explorable: controls, charts, words. The same on the page and, once, in Node.

import { control } from "./controls.js";
import { draw } from "./chart.js";
import chaos from "./views/chaos.js";
import depth from "./views/depth.js";
import plane from "./views/plane.js";
import plateaus from "./views/plateaus.js";
import starts from "./views/starts.js";

export const VIEWS = { chaos, depth, plane, plateaus, starts };

/** The state in which a view starts. */
export function firstState(view) {
  return Object.fromEntries(view.controls.map(({ key, value }) => [key, value]));
}

/** Fill an element; returns a function that draws it anew from a state. */
export function build(root, name, document, { prefix, changed = () => {}, widthOf = () => 350 }) {
  const view = VIEWS[name];
  const part = (tag, className, parent) => {
    const element = document.createElement(tag);
    element.className = `explorable-${className}`;
    parent.append(element);
    return element;
  };
  root.textContent = "";
  const box = part("div", "controls", root);
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", view.title);
  const shows = view.controls.map((spec) => {
    const made = control(spec, `${prefix}-${spec.key}`, document, (value) => {
      changed({ [spec.key]: value });
    });
    box.append(made.box);
    return (state) => made.show(state[spec.key]);
  });
  const panels = part("div", "panels", root);
  const words = part("p", "words", root);
  words.setAttribute("aria-live", "polite");
  const places = [];

  return function redraw(state) {
    for (const show of shows) show(state);
    const shown = view.show(state);
    // All places first: how wide one is depends on the others.
    for (const panel of shown.panels.slice(places.length)) {
      const place = part("div", `panel${panel.wide ? " explorable-wide" : ""}`, panels);
      places.push({ title: part("div", "title", place), chart: part("div", "chart", place) });
    }
    shown.panels.forEach((panel, i) => {
      const { title, chart } = places[i];
      title.textContent = panel.title;
      const svg = draw(panel, Math.floor(widthOf(chart, panel)), document);
      const old = chart.querySelector("svg");
      if (old) old.replaceWith(svg);
      else chart.prepend(svg);
    });
    if (words.textContent !== shown.words) words.textContent = shown.words;
    return places.map(({ chart }) => chart);
  };
}
