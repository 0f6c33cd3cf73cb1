import { dot, line, ruleY } from "@observablehq/plot";
import { DASHED, NEUTRAL, SIMULATION, THEORY, legend } from "../chart.js";
import { fixed, tick, told } from "../format.js";
import {
  infiniteDepthLearningTime,
  learningTime,
  stableLearningRate,
} from "../models/balanced.js";
import { stepsToReach } from "../models/descent.js";

const MOST_STEPS = 20000;
const LEARNED = 0.9; // share of the singular value that counts as learned

const controls = [
  { key: "most", label: "layers, up to", min: 5, max: 100, step: 1, value: 40, format: String },
  {
    key: "logU0",
    label: "initial strength u₀",
    min: -4,
    max: -0.5,
    step: 0.1,
    value: -2,
    format: (x) => told(10 ** x),
  },
  { key: "s", label: "singular value s", min: 0.5, max: 3, step: 0.1, value: 1, format: fixed(1) },
  {
    key: "ratio",
    label: "rate ÷ largest stable rate",
    min: 0.1,
    max: 1,
    step: 0.05,
    value: 0.5,
    format: fixed(2),
  },
];

function timesAt(rateOf, depths, { s, u0 }) {
  const few = Math.ceil(depths.length / 24);
  const exact = depths.map((nLayers) => ({
    nLayers,
    t: learningTime(u0, LEARNED * s, { s, tau: 1 / rateOf(nLayers), nLayers }),
  }));
  const steps = depths
    .filter((nLayers, i) => i % few === 0)
    .map((nLayers) => ({
      nLayers,
      t: stepsToReach(LEARNED * s, {
        s,
        u0,
        rate: rateOf(nLayers),
        nLayers,
        nSteps: MOST_STEPS,
      }),
    }))
    .filter(({ t }) => Number.isFinite(t));
  return { exact, steps };
}

function panel({ title, label, exact, steps, limit, note, most, corner, flat = 0 }) {
  const top = 1.15 * Math.max(flat, ...exact.map(({ t }) => t), ...steps.map(({ t }) => t));
  const at = { x: "nLayers", y: "t" };
  return {
    title,
    label,
    options: (width) => ({
      x: { domain: [0, most + 1], label: "layers", ticks: width < 300 ? 4 : 5, tickFormat: tick },
      y: { domain: [0, top], label: "iterations", ticks: 5, tickFormat: tick },
      marginLeft: 54,
      marks: [
        ruleY([0]),
        line(limit, { ...at, stroke: NEUTRAL, strokeWidth: 1.5, clip: true }),
        line(exact, { ...at, ...DASHED }),
        dot(steps, { ...at, r: 2.5, fill: SIMULATION }),
        ...legend(
          [
            ["exact", THEORY],
            ["gradient descent", SIMULATION],
            [note, NEUTRAL],
          ],
          corner,
        ),
      ],
    }),
  };
}

function show(state) {
  const { most, s, ratio } = state;
  const u0 = Math.min(10 ** state.logU0, 0.8 * s);
  const depths = Array.from({ length: most - 1 }, (_, i) => i + 2);
  // One rate for all must suit the one that bears least.
  const rates = depths.map((nLayers) => ratio * stableLearningRate(s, nLayers));
  const lowest = Math.min(...rates);
  const atFixed = timesAt(() => lowest, depths, { s, u0 });
  const atBest = timesAt((nLayers) => rates[nLayers - 2], depths, { s, u0 });
  const limit = infiniteDepthLearningTime(u0, LEARNED * s, { s });
  // Per layer at a fixed rate; at a rate of 2 ratio / ((N - 1) s^2) it no longer changes.
  const ends = depths.map((nLayers) => ({ nLayers, t: limit / lowest / (nLayers - 1) }));
  const flat = (limit * s * s) / (2 * ratio);
  const first = atBest.exact[1].t;
  const last = atBest.exact.at(-1).t;
  const fixedWords =
    `At one rate for all, ${told(lowest)}, ${most} layers take ` +
    `${told(atFixed.exact.at(-1).t, 3)} iterations and three layers ` +
    `${told(atFixed.exact[1].t, 3)}.`;
  const bestWords =
    `At ${fixed(2)(ratio)} of its own largest stable rate a network of ${most} layers takes ` +
    `${told(last, 3)}, one of three ${told(first, 3)}, and one of infinitely many ` +
    `${told(flat, 3)}.`;
  return {
    words: `${fixedWords} ${bestWords}`,
    panels: [
      panel({
        title: "Learning time at one rate",
        label: `Learning time against layers at one rate. ${fixedWords}`,
        ...atFixed,
        limit: ends,
        note: "limit of many layers",
        corner: "top-right",
        most,
      }),
      panel({
        title: "At the rate that suits each depth",
        label: `Learning time against layers at a rate for each depth. ${bestWords}`,
        ...atBest,
        limit: [
          { nLayers: 0, t: flat },
          { nLayers: most + 1, t: flat },
        ],
        note: "infinitely many layers",
        corner: "bottom-right",
        most,
        flat,
      }),
    ],
  };
}

export default { title: "Depth", controls, show };
