import { dot, line } from "@observablehq/plot";
import { DASHED, NEUTRAL, OTHER, SIMULATION, THEORY, legend, spaced } from "../chart.js";
import { told } from "../format.js";
import {
  RESOLVED,
  eigenvalues,
  gaussianFactors,
  gaussianLaw,
  orthogonalFactor,
  product,
  resolved,
  singularValues,
} from "../models/starts.js";

const MOST_FACTORS = 30;

const controls = [
  {
    key: "nFactors",
    label: "factors",
    min: 1,
    max: MOST_FACTORS,
    step: 1,
    value: 5,
    format: String,
  },
  { key: "size", label: "units in a layer, N", min: 20, max: 100, step: 10, value: 60, format: String },
  { key: "seed", label: "draw", min: 1, max: 20, step: 1, value: 1, format: (x) => `no. ${x}` },
];

// Spectra that were seen already, by size, draw and number of factors.
const seen = new Map();

function once(key, make) {
  if (!seen.has(key)) seen.set(key, make());
  return seen.get(key);
}

function spectra({ size, seed, nFactors }) {
  return once(`${size} ${seed} ${nFactors}`, () => {
    const gaussian = once(`${size} ${seed}`, () => gaussianFactors(size, MOST_FACTORS, seed));
    const factors = gaussian.slice(0, nFactors);
    const turned = factors.map((factor, i) =>
      once(`${size} ${seed} turned ${i}`, () => orthogonalFactor(factor)),
    );
    return [factors, turned].map((each) => {
      const whole = product(each);
      return { values: singularValues(whole), eigen: eigenvalues(whole) };
    });
  });
}

const CIRCLE = spaced(0, 2 * Math.PI, 121).map((x) => [Math.cos(x), Math.sin(x)]);

function show(state) {
  const { nFactors, size } = state;
  const [gaussian, orthogonal] = spectra(state);
  const n = resolved(gaussian.values);
  const shown = gaussian.values.slice(0, n);
  const law = gaussianLaw(nFactors)
    .map(({ logS, share }) => ({ rank: share * size + 0.5, value: Math.exp(logS) }))
    .filter(({ value }) => value > RESOLVED);
  const inner = gaussian.eigen.filter(([re, im]) => Math.hypot(re, im) < 0.1).length;
  const lost = n < size ? ` The last ${size - n} are lost to rounding.` : "";
  const whole = nFactors === 1 ? "one Gaussian matrix" : `a product of ${nFactors} Gaussian matrices`;
  const valuesWords =
    `Of ${whole} the largest singular value is ${told(shown[0])}, the median ${told(gaussian.values[size >> 1])}, the ` +
    `smallest shown ${told(shown.at(-1))}.${lost} Those of orthogonal ones are all ` +
    `${told(orthogonal.values[size >> 1], 3)}.`;
  const eigenWords =
    `${inner} of ${size} eigenvalues of the Gaussian product are within 0.1 of zero; those of ` +
    `the orthogonal one are on the unit circle.`;
  const low = Math.min(0.1, shown.at(-1) / 2);
  const high = Math.max(10, 2 * shown[0]);
  const ranked = (values) => values.map((value, i) => ({ rank: i + 1, value }));
  const reach = Math.max(1.15, ...gaussian.eigen.map(([re, im]) => 1.05 * Math.hypot(re, im)));
  const plane = { domain: [-reach, reach], ticks: 5 };
  return {
    words: `${valuesWords} ${eigenWords}`,
    panels: [
      {
        title: "Singular values, in order",
        label: `Singular values by rank, on a logarithmic scale. ${valuesWords}`,
        height: 340,
        options: () => ({
          marginLeft: 58,
          x: { domain: [0, size + 1], label: "rank", ticks: 5 },
          y: { type: "log", domain: [low, high], label: "singular value", ticks: 5, tickFormat: (x) => told(x, 1) },
          marks: [
            line(law, { x: "rank", y: "value", clip: true, ...DASHED }),
            dot(ranked(shown), { x: "rank", y: "value", r: 2.5, fill: SIMULATION }),
            dot(ranked(orthogonal.values), { x: "rank", y: "value", r: 2, fill: OTHER }),
            ...legend(
              [
                ["orthogonal", OTHER],
                ["Gaussian", SIMULATION],
                ["Gaussian, limit of large N", THEORY],
              ],
              "bottom-left",
            ),
          ],
        }),
      },
      {
        title: "Eigenvalues",
        label: `Eigenvalues in the complex plane. ${eigenWords}`,
        aspect: 1,
        options: () => ({
          marginLeft: 40,
          marginRight: 14,
          x: { ...plane, label: "real part" },
          y: { ...plane, label: "imaginary part" },
          marks: [
            line(CIRCLE, { stroke: NEUTRAL, strokeOpacity: 0.5 }),
            dot(orthogonal.eigen, { r: 2.5, stroke: OTHER }),
            dot(gaussian.eigen, { r: 2.5, fill: SIMULATION }),
          ],
        }),
      },
    ],
  };
}

export default { title: "Starts", controls, show };
