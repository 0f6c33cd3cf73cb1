// One mode whose layers are equal: du/dt = L u^(2-2/L) (s - u) / tau, with L = layers - 1.
//
// In the log-odds l of w = u/s the equation is t = (1/rate) * integral of (w/w0)^(c-1) dl with
// c = 2/L and rate = L s^(2-c) w0^(1-c) / tau. The integrand has no pole near the real axis, so
// Gauss-Legendre quadrature with eight nodes is exact to rounding on panels of length one. The
// strength is the inverse: find the panel, then Newton's method inside it.

const NODES = [0.18343464249564980, 0.52553240991632899, 0.79666647741362674, 0.96028985649753623];
const WEIGHTS = [0.36268378337836198, 0.31370664587788729, 0.22238103445337447, 0.10122853629037626];

// Beyond even odds by this, s - u is below rounding.
const PAST_EVEN = 45;

/** ln(w / w0) after the log-odds have risen by y. */
function logRise(y, w0) {
  return y - Math.log1p(w0 * Math.expm1(y));
}

/** The integral of (w/w0)^(c-1) over log-odds, between two rises. */
function panel(from, to, w0, c) {
  const middle = (from + to) / 2;
  const half = (to - from) / 2;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const above = logRise(middle + half * NODES[i], w0);
    const below = logRise(middle - half * NODES[i], w0);
    sum += WEIGHTS[i] * (Math.exp((c - 1) * above) + Math.exp((c - 1) * below));
  }
  return half * sum;
}

function scaledTime(y, w0, c) {
  let time = 0;
  const whole = Math.floor(y);
  for (let k = 0; k < whole; k++) time += panel(k, k + 1, w0, c);
  return time + panel(whole, y, w0, c);
}

function firstRate(s, u0, tau, nLayers) {
  const L = nLayers - 1;
  return (L * s * Math.pow(u0, 1 - 2 / L)) / tau;
}

/** Time in which a mode grows from u0 to uf, 0 < u0 <= uf < s. */
export function learningTime(u0, uf, { s, tau = 1, nLayers = 3 }) {
  if (nLayers === 2) return tau * Math.log1p((uf - u0) / (s - uf));
  const rise = Math.log1p((uf - u0) / u0) + Math.log1p((uf - u0) / (s - uf));
  return scaledTime(rise, u0 / s, 2 / (nLayers - 1)) / firstRate(s, u0, tau, nLayers);
}

/** Learning time of many layers times their number: the limit, Eq. 17 of the paper. */
export function infiniteDepthLearningTime(u0, uf, { s, tau = 1 }) {
  const moved = uf - u0;
  const logOdds = Math.log1p(moved / u0) + Math.log1p(moved / (s - uf));
  return tau * (logOdds / (s * s) + moved / (s * u0 * uf));
}

/** Learning rate up to which gradient descent can settle where the mode is learned. */
export function stableLearningRate(s, nLayers) {
  const L = nLayers - 1;
  return 2 / (L * Math.pow(s, 2 - 2 / L));
}

/** A function that returns the strength of a mode at a time; 0 < u0 < s. */
export function modeStrength({ s, u0, tau = 1, nLayers = 3 }) {
  if (nLayers === 2) return (t) => u0 * Math.exp(-t / tau) - s * Math.expm1(-t / tau);
  const w0 = u0 / s;
  const c = 2 / (nLayers - 1);
  const rate = firstRate(s, u0, tau, nLayers);
  const last = Math.ceil(-Math.log(w0) + PAST_EVEN);
  const times = [0];
  for (let k = 0; k < last; k++) times.push(times[k] + panel(k, k + 1, w0, c));
  const strength = (y) => {
    const odds = w0 * Math.expm1(y);
    return (s * (w0 + odds)) / (1 + odds);
  };
  return (t) => strength(c === 1 ? Math.min(rate * t, last) : inverse(rate * t, times, w0, c));
}

/** The rise of the log-odds that takes a scaled time, given the times of whole rises. */
function inverse(target, times, w0, c) {
  let low = 0;
  let high = times.length - 1;
  if (target >= times[high]) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= target) low = middle;
    else high = middle;
  }
  const missing = target - times[low];
  let y = low + missing / (times[low + 1] - times[low]);
  for (let i = 0; i < 50; i++) {
    const slope = Math.exp((c - 1) * logRise(y, w0));
    const step = (missing - panel(low, y, w0, c)) / slope;
    y = Math.min(Math.max(y + step, low), low + 1);
    if (Math.abs(step) < 1e-15 * Math.max(1, y)) break;
  }
  return y;
}
