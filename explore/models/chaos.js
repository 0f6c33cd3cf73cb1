// Variances in a wide tanh network x' = g W tanh(x), and how far its layers stretch perturbations.
//
// Gaussian averages are taken by the trapezoidal rule, which is exact to rounding: tanh(sqrt(q) z)
// has its nearest pole at a distance of pi / (2 sqrt(q)), many steps for all q that are shown.

const STEP = 0.02;
const Z = Float64Array.from({ length: 500 }, (_, i) => (i + 0.5) * STEP);
const P = Z.map((z) => STEP * Math.sqrt(2 / Math.PI) * Math.exp((-z * z) / 2));

/** The average of an even function of z. */
function average(f) {
  let sum = 0;
  for (let i = Z.length - 1; i >= 0; i--) sum += P[i] * f(Z[i]);
  return sum;
}

/** Variance one layer further, Eq. 48 of the paper. */
export function varianceMap(q, gain) {
  const root = Math.sqrt(q);
  return gain * gain * average((z) => Math.tanh(root * z) ** 2);
}

/** Moments of a layer's squared slopes: average of the square, and of the fourth power. */
function slopes(q) {
  const root = Math.sqrt(q);
  const square = (z) => (1 / Math.cosh(root * z)) ** 4;
  return [average(square), average((z) => square(z) ** 2)];
}

/** Mean squared singular value of one layer's Jacobian. */
export function stretchFactor(q, gain) {
  return gain * gain * slopes(q)[0];
}

/** Variance at which the activities of a deep network settle. */
export function fixedPoint(gain) {
  if (gain <= 1) return 0;
  // In ln q. Between these variance grows and shrinks: q* is about (g^2 - 1)/2 near the edge, and
  // tanh^2 is at most 1.
  let [low, high] = [Math.log((gain * gain - 1) / 8), Math.log(gain * gain)];
  while (varianceMap(Math.exp(low), gain) < Math.exp(low)) low -= 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    const q = Math.exp(middle);
    if (varianceMap(q, gain) > q) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Variances of the layers, the first given. */
export function layerVariances(q1, { nLayers, gain }) {
  const q = [q1];
  while (q.length < nLayers) q.push(varianceMap(q.at(-1), gain));
  return q;
}

/**
 * Squared singular values of the Jacobian of all layers up to each, for orthogonal weights: ln of
 * their mean, and their variance over the square of the mean.
 */
export function jacobianMoments(variances, gain) {
  let [logMean, spread] = [0, 0];
  return variances.map((q) => {
    const [square, fourth] = slopes(q);
    logMean += Math.log(gain * gain * square);
    spread += fourth / (square * square) - 1;
    return { logMean, spread };
  });
}
