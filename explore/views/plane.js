import { dot, line, ruleY, text } from "@observablehq/plot";
import { DASHED, NEUTRAL, SIMULATION, THEORY, legend, spaced } from "../chart.js";
import { fixed, tick, told } from "../format.js";
import { descendPlane, settlingTime, unbalancedStrengths } from "../models/unbalanced.js";

const REACH = 2.5;
const MOST_STEPS = 1000;
const MARGINS = { marginLeft: 40, marginRight: 14, marginTop: 26, marginBottom: 38 };

const strength = (key, name, value) => ({
  key,
  label: `${name} at the start`,
  kind: "number",
  min: -REACH,
  max: REACH,
  step: 0.05,
  value,
});

const controls = [
  strength("a0", "a", 1.5),
  strength("b0", "b", -1),
  { key: "s", label: "singular value s", min: 0.2, max: 3, step: 0.1, value: 1, format: fixed(1) },
  {
    key: "ratio",
    label: "rate ÷ largest stable rate",
    min: 0.02,
    max: 1.2,
    step: 0.02,
    value: 0.1,
    format: fixed(2),
  },
];

const inside = ({ a, b }) => Math.abs(a) <= REACH && Math.abs(b) <= REACH;

/** The two branches of the hyperbola ab = u, as one line with a gap. */
function branches(u) {
  const from = Math.max(Math.abs(u) / REACH, 1e-3);
  const a = spaced(Math.log(from), Math.log(REACH), 40).map(Math.exp);
  const right = a.map((x) => ({ a: x, b: u / x }));
  return [...right, { a: NaN, b: NaN }, ...right.map((point) => ({ a: -point.a, b: -point.b }))];
}

/** What a - b and a + b do on the way: one grows by the factor by which the other shrinks. */
function hyperbola({ a0, b0 }) {
  return spaced(-4, 4, 161)
    .map((x) => ({
      a: a0 * Math.cosh(x) + b0 * Math.sinh(x),
      b: b0 * Math.cosh(x) + a0 * Math.sinh(x),
    }))
    .map((point) => (inside(point) ? point : { a: NaN, b: NaN }));
}

function show(state) {
  const { s, a0, b0, ratio } = state;
  const rate = ratio / s; // the largest stable rate of three layers is 1/s
  const end = settlingTime(state, 0.002);
  const nSteps = Math.ceil(Math.min(Math.max(end / rate, 5), MOST_STEPS));
  const steps = descendPlane({ s, a0, b0, rate, nSteps });
  const exact = spaced(0, nSteps, 201).map((k) => ({
    k,
    ...unbalancedStrengths(k * rate, state),
  }));
  const drawn = steps.map(({ a, b }, k) => ({ k, a, b, u: a * b }));
  const last = drawn.at(-1);
  const kept = a0 * a0 - b0 * b0;
  const keptBySteps = last.a * last.a - last.b * last.b;
  const fate =
    Math.abs(last.u) > 100
      ? "the steps diverge"
      : `u = ab goes from ${told(a0 * b0, 3)} to ${told(last.u, 3)} in ${drawn.length - 1} steps`;
  const saddle = a0 === -b0 ? " From a = −b the way leads to the saddle." : "";
  const words =
    `From (a, b) = (${told(a0, 3)}, ${told(b0, 3)}) ${fate}. ` +
    `Gradient flow keeps a² − b² = ${told(kept, 3)}; after these steps it is ` +
    `${told(keptBySteps, 3)}.${saddle}`;
  const levels = [-2, -1, 0, 0.5, 1.5, 2, 3].map((share) => share * s);
  const lowest = Math.min(0, a0 * b0, s);
  const highest = Math.max(a0 * b0, s);
  const room = 0.08 * (highest - lowest);
  const shownDots = drawn.length <= 300;
  const at = { x: "a", y: "b" };
  return {
    words,
    panels: [
      {
        title: "The way in the plane",
        label: `Plane of the two layer strengths a and b. ${words}`,
        aspect: 1,
        options: () => ({
          ...MARGINS,
          x: { domain: [-REACH, REACH], label: "a", ticks: 5, tickFormat: tick },
          y: { domain: [-REACH, REACH], label: "b", ticks: 5, tickFormat: tick },
          marks: [
            levels.map((u) =>
              line(branches(u), { ...at, stroke: NEUTRAL, strokeOpacity: 0.3, clip: true }),
            ),
            line(branches(s), { ...at, stroke: NEUTRAL, strokeWidth: 3, clip: true }),
            text([{ a: Math.sqrt(s) * 1.35, b: Math.sqrt(s) / 1.35 }], {
              ...at,
              text: () => "ab = s",
              textAnchor: "start",
              dx: 5,
              dy: -6,
            }),
            line(hyperbola(state), { ...at, stroke: THEORY, strokeOpacity: 0.5 }),
            line(drawn, { ...at, stroke: SIMULATION, strokeWidth: 1, clip: true }),
            shownDots ? dot(drawn, { ...at, r: 2, fill: SIMULATION, clip: true }) : null,
            line(exact, { ...at, clip: true, ...DASHED }),
            dot([{ a: a0, b: b0 }], { ...at, r: 6, fill: THEORY }),
          ],
        }),
      },
      {
        title: "Strength of the mode, u = ab",
        label: `Mode strength u against iterations. ${words}`,
        height: 340,
        options: (width) => ({
          x: { domain: [0, nSteps], label: "iterations", ticks: width < 300 ? 4 : 5 },
          y: { domain: [lowest - room, highest + 2 * room], label: "u", ticks: 5 },
          marks: [
            ruleY([s], { stroke: NEUTRAL, strokeDasharray: "1 3" }),
            line(drawn, { x: "k", y: "u", stroke: SIMULATION, strokeWidth: 1, clip: true }),
            shownDots ? dot(drawn, { x: "k", y: "u", r: 2, fill: SIMULATION, clip: true }) : null,
            line(exact, { x: "k", y: "u", clip: true, ...DASHED }),
            ...legend(
              [
                ["exact", THEORY],
                ["gradient descent", SIMULATION],
              ],
              "bottom-right",
            ),
          ],
        }),
      },
    ],
  };
}

const limited = (x) => Math.min(Math.max(Math.round(x * 20) / 20, -REACH), REACH);

/** The start as a handle: dragged, or moved by arrow keys. */
function wire({ chart, state, changed }) {
  const svg = chart.querySelector("svg");
  const { marginLeft, marginRight, marginTop, marginBottom } = MARGINS;
  const side = Number(svg.getAttribute("width"));
  const across = side - marginLeft - marginRight;
  const down = Number(svg.getAttribute("height")) - marginTop - marginBottom;
  let handle = chart.querySelector(".explorable-handle");
  if (!handle) {
    handle = chart.ownerDocument.createElement("button");
    handle.type = "button";
    handle.className = "explorable-handle";
    chart.append(handle);
    const moved = (event) => {
      const box = chart.querySelector("svg").getBoundingClientRect();
      const now = handle.scales;
      const scale = box.width / now.side;
      const x = (event.clientX - box.left) / scale - marginLeft;
      const y = (event.clientY - box.top) / scale - marginTop;
      changed({
        a0: limited((2 * x * REACH) / now.across - REACH),
        b0: limited(REACH - (2 * y * REACH) / now.down),
      });
    };
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.dragging = true;
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.dragging) moved(event);
    });
    for (const over of ["pointerup", "pointercancel"]) {
      handle.addEventListener(over, () => {
        handle.dragging = false;
      });
    }
    chart.addEventListener("click", (event) => {
      if (event.target !== handle) moved(event);
    });
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    handle.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      const size = event.shiftKey ? 0.25 : 0.05;
      const { a0, b0 } = handle.state;
      changed({ a0: limited(a0 + size * step[0]), b0: limited(b0 + size * step[1]) });
    });
  }
  handle.scales = { side, across, down };
  handle.state = state;
  handle.style.left = `${marginLeft + ((state.a0 + REACH) / (2 * REACH)) * across}px`;
  handle.style.top = `${marginTop + ((REACH - state.b0) / (2 * REACH)) * down}px`;
  handle.setAttribute(
    "aria-label",
    `Start: a = ${told(state.a0, 3)}, b = ${told(state.b0, 3)}. Arrow keys move it.`,
  );
}

export default { title: "The plane of two layers", controls, show, wire };
