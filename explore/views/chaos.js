import { dot, line, ruleX, ruleY, text } from "@observablehq/plot";
import { DASHED, NEUTRAL, SIMULATION, THEORY, legend, spaced } from "../chart.js";
import { fixed, tick, told } from "../format.js";
import {
  fixedPoint,
  jacobianMoments,
  layerVariances,
  stretchFactor,
  varianceMap,
} from "../models/chaos.js";
import { gaussianFactors } from "../models/starts.js";

const N_LAYERS = 50;
const N_SIMULATED = 15;
const SIZE = 200;
const [LEAST, MOST] = [0.5, 2.5];

const controls = [
  { key: "gain", label: "gain g", min: LEAST, max: MOST, step: 0.01, value: 1.3, format: fixed(2) },
  {
    key: "q1",
    label: "variance of the first layer",
    min: 0.05,
    max: 4,
    step: 0.05,
    value: 2,
    format: fixed(2),
  },
];

// Drawn once: at all gains the same weights.
let weights;

/** Variances of the first layers of one network of finite width. */
function simulated(q1, gain) {
  weights ??= gaussianFactors(SIZE, N_SIMULATED, 1);
  // The first layer: a column of the first factor, of variance 1/SIZE, made of variance q1.
  let x = weights[0].getColumn(0);
  const square = (values) => values.reduce((sum, value) => sum + value * value, 0) / SIZE;
  const scale = Math.sqrt(q1 / square(x));
  x = x.map((value) => scale * value);
  const variances = [q1];
  for (const W of weights.slice(1)) {
    const active = x.map(Math.tanh);
    x = W.to2DArray().map((row) => {
      let sum = 0;
      for (let j = 0; j < SIZE; j++) sum += row[j] * active[j];
      return gain * sum;
    });
    variances.push(square(x));
  }
  return variances;
}

const atFixedPoint = spaced(LEAST, MOST, 81).map((gain) => ({
  gain,
  stretch: stretchFactor(fixedPoint(gain), gain),
}));

function show(state) {
  const { gain, q1 } = state;
  const q = layerVariances(q1, { nLayers: N_LAYERS, gain });
  const end = fixedPoint(gain);
  const stretch = stretchFactor(end, gain);
  const moments = jacobianMoments(q.slice(0, -1), gain).map(({ logMean, spread }, i) => ({
    layers: i + 2,
    mean: Math.exp(logMean),
    spread,
  }));
  const last = moments.at(-1);
  const top = 1.1 * Math.max(q1, end, 0.5);
  const curve = spaced(0, top, 101).map((x) => ({ x, y: varianceMap(x, gain) }));
  const web = q.slice(0, 30).flatMap((x, i) => [
    { x, y: i ? x : 0 },
    { x, y: q[i + 1] },
  ]);
  const sizes = simulated(q1, gain);
  const pairs = sizes.slice(1).map((y, i) => ({ x: sizes[i], y }));
  const sides = ["Below the edge activity dies out", "At the edge activity dies out slowly"];
  const side = [...sides, "Beyond the edge activity settles"][1 + Math.sign(gain - 1)];
  const mapWords =
    `Gain ${fixed(2)(gain)}, first variance ${fixed(2)(q1)}. ${side}: the variance tends to ` +
    `${told(end, 3)}, and is ${told(q.at(-1), 3)} in layer ${N_LAYERS}.`;
  const jacobianWords =
    `The Jacobian of ${N_LAYERS} layers has squared singular values of mean ` +
    `${told(last.mean, 3)} and relative variance ${told(last.spread, 3)}.`;
  const gainWords =
    `Far on, each layer multiplies the mean by ${told(stretch, 3)}, ` +
    ["less than one.", "just one.", "more than one."][1 + Math.sign(Math.round(1e6 * (stretch - 1)))];
  const [least, most] = [
    Math.min(0.1, ...moments.map(({ mean }) => mean)),
    Math.max(10, ...moments.map(({ mean }) => mean)),
  ];
  return {
    words: `${mapWords} ${jacobianWords} ${gainWords}`,
    panels: [
      {
        title: "Variance, from layer to layer",
        label: `Map of the variance from one layer to the next, with its cobweb. ${mapWords}`,
        aspect: 1,
        options: () => ({
          marginRight: 14,
          x: { domain: [0, top], label: "variance q of a layer", ticks: 5, tickFormat: tick },
          y: { domain: [0, top], label: "q of the next", ticks: 5, tickFormat: tick },
          marks: [
            line([[0, 0], [top, top]], { stroke: NEUTRAL, strokeOpacity: 0.6 }),
            line(web, { x: "x", y: "y", stroke: THEORY, strokeWidth: 1, clip: true }),
            line(curve, { x: "x", y: "y", clip: true, ...DASHED }),
            dot(pairs, { x: "x", y: "y", r: 2.5, fill: SIMULATION, clip: true }),
            dot([[end, end]], { r: 6, stroke: THEORY, strokeWidth: 2 }),
            ...legend(
              [
                ["infinite width", THEORY],
                [`${SIZE} units`, SIMULATION],
              ],
              "top-left",
            ),
          ],
        }),
      },
      {
        title: "Jacobian's squared singular values",
        label: `Mean squared singular value of the Jacobian against layers. ${jacobianWords}`,
        height: 340,
        options: () => ({
          marginLeft: 58,
          x: { domain: [0, N_LAYERS], label: "layers", ticks: 5 },
          y: {
            type: "log",
            domain: [least / 2, 2 * most],
            label: "mean",
            ticks: 5,
            tickFormat: (x) => told(x, 1),
          },
          marks: [
            ruleY([1], { stroke: NEUTRAL, strokeOpacity: 0.6 }),
            line(moments, { x: "layers", y: "mean", ...DASHED }),
          ],
        }),
      },
      {
        title: "Stretch of one layer, far on",
        label: `Mean squared singular value of a layer at the fixed point against gain. ${gainWords}`,
        wide: true,
        height: 200,
        options: () => ({
          x: { domain: [LEAST, MOST], label: "gain g", ticks: 5 },
          y: { domain: [0, 1.75], label: "χ, mean squared singular value", ticks: 4 },
          marks: [
            ruleY([1], { stroke: NEUTRAL, strokeOpacity: 0.6 }),
            ruleX([1], { stroke: NEUTRAL, strokeOpacity: 0.6 }),
            line(atFixedPoint, { x: "gain", y: "stretch", clip: true, ...DASHED }),
            dot([[gain, stretch]], { r: 6, stroke: THEORY, strokeWidth: 2 }),
            text([[1, 0.15]], { text: () => "edge of chaos", textAnchor: "start", dx: 5 }),
          ],
        }),
      },
    ],
  };
}

export default { title: "Edge of chaos", controls, show };
