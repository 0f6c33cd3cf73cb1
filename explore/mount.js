// Bring the explorables of a page to life.

import { VIEWS, build, firstState } from "./explorable.js";
import * as balanced from "./models/balanced.js";
import * as chaos from "./models/chaos.js";
import * as descent from "./models/descent.js";
import * as starts from "./models/starts.js";
import * as unbalanced from "./models/unbalanced.js";

const models = { balanced, chaos, descent, starts, unbalanced };

let mounted = 0;

/** Put an explorable into an element. */
function mount(root, name = root.dataset.name) {
  const view = VIEWS[name];
  let state = firstState(view);
  let waiting = 0;
  const prefix = `explorable-${++mounted}-${name}`;
  const later = () => {
    if (!waiting) waiting = requestAnimationFrame(now);
  };
  const changed = (part) => {
    state = { ...state, ...part };
    later();
  };
  const redraw = build(root, name, document, {
    prefix,
    changed,
    widthOf: (chart) => Math.max(chart.clientWidth, 200),
  });
  const now = () => {
    waiting = 0;
    const charts = redraw(state);
    view.wire?.({ chart: charts[0], state, changed });
  };
  now();
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth !== width) later();
    width = root.clientWidth;
  }).observe(root);
}

function mountAll() {
  for (const root of document.querySelectorAll(".explorable.live")) mount(root);
}

globalThis.explorables = { models, mount };
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
else mountAll();
