import { dot, line, ruleY, text } from "@observablehq/plot";
import { DASHED, NEUTRAL, SIMULATION, THEORY, legend, spaced, thinned } from "../chart.js";
import { fixed, tick, told } from "../format.js";
import { learningTime, modeStrength, stableLearningRate } from "../models/balanced.js";
import { descend, outcome } from "../models/descent.js";

const MOST_STEPS = 100000;

const singularValue = (i, value) => ({
  key: `s${i}`,
  label: `singular value s${"₁₂₃"[i - 1]}`,
  min: 0.5,
  max: 4,
  step: 0.1,
  value,
  format: fixed(1),
});

const controls = [
  singularValue(1, 3.5),
  singularValue(2, 2),
  singularValue(3, 1.2),
  {
    key: "logU0",
    label: "initial strength u₀",
    min: -12,
    max: -1,
    step: 0.25,
    value: -6,
    format: (x) => told(10 ** x),
  },
  { key: "nLayers", label: "layers", min: 2, max: 30, step: 1, value: 3, format: String },
  {
    key: "ratio",
    label: "rate ÷ largest stable rate",
    min: 0.1,
    max: 2.5,
    step: 0.05,
    value: 0.1,
    format: fixed(2),
  },
];

/** What both panels draw: courses of modes, in steps and exact. */
function courses(state) {
  const { nLayers, ratio } = state;
  const u0 = 10 ** state.logU0;
  const values = [state.s1, state.s2, state.s3];
  const largest = Math.max(...values);
  const rate = ratio * stableLearningRate(largest, nLayers);
  const tau = 1 / rate;
  const slowest = Math.max(...values.map((s) => learningTime(u0, 0.99 * s, { s, tau, nLayers })));
  // Steps that are not small take longer than the flow to leave the start.
  const growth = rate * largest * (nLayers === 2 ? 0 : u0 ** (1 - 2 / (nLayers - 1)));
  const lag = growth > 0 ? growth / Math.log1p(growth) : 1;
  // Above the edge long enough to see what becomes of it.
  const horizon = Math.ceil(Math.max(1.1 * lag * slowest, ratio > 1 ? 100 : 20));
  const nSteps = Math.min(horizon, MOST_STEPS);
  const modes = values.map((s, i) => {
    const steps = descend({ s, u0, rate, nLayers, nSteps });
    const exact = modeStrength({ s, u0, tau, nLayers });
    const half = learningTime(u0, s / 2, { s, tau, nLayers });
    return { name: i + 1, s, u0, tau, nLayers, steps, exact, half, fate: outcome(steps, s) };
  });
  return { modes, horizon, nSteps, rate, largest };
}

function wordsOf({ modes, horizon, nSteps, rate }, { ratio, nLayers }) {
  const reports = modes.map(({ name, steps, s, half, fate }) => {
    const arrived = steps.findIndex((u) => u >= s / 2);
    const when = arrived < 0 ? "" : `, half-way after ${told(arrived, 3)} iterations`;
    return `mode ${name} (s = ${fixed(1)(s)}) ${fate}${when} (exact: ${told(half, 3)})`;
  });
  const edge =
    ratio > 1
      ? "above the edge: the strongest mode cannot settle"
      : ratio === 1
        ? "at the edge"
        : "below the edge";
  const cut = nSteps < horizon ? " No more iterations are run; the exact solution goes on." : "";
  return (
    `${nLayers} layers, rate ${told(rate)}, ${edge}. After ${told(nSteps, 3)} iterations: ` +
    `${reports.join("; ")}.${cut}`
  );
}

function show(state) {
  const found = courses(state);
  const { modes, horizon, nSteps, largest } = found;
  const words = wordsOf(found, state);
  const times = [...new Set([...spaced(0, horizon, 160), ...modes.flatMap(bend)])]
    .filter((t) => t <= horizon)
    .sort((t, later) => t - later);
  const x = { domain: [0, horizon], label: "iterations", tickFormat: tick };
  const wild = modes.some(({ steps, s }) => steps.some((u) => u > 1.2 * s || u < -0.05 * s));
  const top = wild ? 2 * largest : 1.1 * largest;
  const few = horizon <= 150;
  const stepped = modes.flatMap(({ name, steps }) =>
    thinned(steps).map((point) => ({ ...point, name })),
  );
  const flowing = modes.flatMap(({ name, exact }) =>
    times.map((t) => ({ x: t, y: exact(t), name })),
  );
  const longest = Math.min(...modes.map(({ steps }) => steps.length));
  const errors = Float64Array.from({ length: longest }, (_, k) =>
    modes.reduce((sum, { steps, s }) => sum + (s - steps[k]) ** 2 / 2, 0),
  );
  const flowErrors = times.map((t) => ({
    x: t,
    y: modes.reduce((sum, { exact, s }) => sum + (s - exact(t)) ** 2 / 2, 0),
  }));
  const worst = modes.reduce((sum, { s }) => sum + s ** 2 / 2, 0) * (wild ? 1.6 : 1.05);
  const xTicks = (width) => ({ ...x, ticks: width < 300 ? 4 : 5 });
  const course = (points, group) => [
    line(points, { x: "x", y: "y", z: group, stroke: SIMULATION, strokeWidth: 1.2, clip: true }),
    few ? dot(points, { x: "x", y: "y", r: 2, fill: SIMULATION, clip: true }) : null,
  ];
  return {
    words,
    panels: [
      {
        title: "Strength of each mode",
        label: `Mode strength against iterations. ${words}`,
        options: (width) => ({
          marginRight: 44,
          x: xTicks(width),
          y: { domain: [wild ? -0.3 * largest : 0, top], label: "strength u", ticks: 5 },
          marks: [
            ruleY(modes, { y: "s", stroke: NEUTRAL, strokeWidth: 0.7, strokeDasharray: "1 3" }),
            ...course(stepped, "name"),
            line(flowing, { x: "x", y: "y", z: "name", ...DASHED }),
            text(modes, {
              y: "s",
              text: ({ name }) => `s${"₁₂₃"[name - 1]}`,
              frameAnchor: "right",
              textAnchor: "start",
              dx: 6,
              fill: "currentColor",
            }),
          ],
        }),
      },
      {
        title: "Error",
        label: `Error against iterations, in steps of descent and exact. ${words}`,
        options: (width) => ({
          x: xTicks(width),
          y: { domain: [0, worst], label: "error", ticks: 5 },
          marks: [
            ...course(thinned(errors)),
            line(flowErrors, { x: "x", y: "y", clip: true, ...DASHED }),
            ...legend([
              ["exact", THEORY],
              ["gradient descent", SIMULATION],
            ]),
          ],
        }),
      },
    ],
  };
}

/** Times at which a mode has certain shares of its strength, so that its curve is smooth. */
function bend({ s, u0, tau, nLayers }) {
  const shares = [...spaced(0.01, 0.97, 33), 0.001, 0.003].filter((share) => share * s > u0);
  return shares.map((share) => learningTime(u0, share * s, { s, tau, nLayers }));
}

export default { title: "Plateaus", controls, show };
