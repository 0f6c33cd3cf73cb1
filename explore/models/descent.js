// Gradient descent, step by step, of modes that do not meet. All L layers of a mode are equal, so
// that each takes the same step: a += rate * a^(L-1) * (s - a^L).

/** What becomes of one mode: strengths after 0, 1, ..., nSteps steps, fewer where it diverges. */
export function descend({ s, u0, rate, nLayers, nSteps }) {
  const L = nLayers - 1;
  const strengths = new Float64Array(nSteps + 1);
  let a = Math.pow(u0, 1 / L);
  for (let k = 0; ; k++) {
    const others = L === 1 ? 1 : L === 2 ? a : Math.pow(a, L - 1);
    const u = others * a;
    strengths[k] = u;
    if (k === nSteps) return strengths;
    if (!(Math.abs(u) < 1e3 * s)) return strengths.subarray(0, k + 1);
    a += rate * others * (s - u);
  }
}

/** How many steps a mode takes to reach a strength; Infinity if more than nSteps. */
export function stepsToReach(uf, { s, u0, rate, nLayers, nSteps }) {
  const L = nLayers - 1;
  let a = Math.pow(u0, 1 / L);
  for (let k = 0; k <= nSteps; k++) {
    const others = L === 1 ? 1 : L === 2 ? a : Math.pow(a, L - 1);
    const u = others * a;
    if (u >= uf) return k;
    if (!(Math.abs(u) < 1e3 * s)) return Infinity;
    a += rate * others * (s - u);
  }
  return Infinity;
}

/** Name what became of a mode. */
export function outcome(strengths, s) {
  const last = strengths.length - 1;
  if (Math.abs(strengths[last]) >= 1e3 * s) return "diverges";
  const arrived = strengths.findIndex((u) => u >= s / 2);
  if (arrived < 0) return "not yet learned";
  const after = strengths.subarray(arrived);
  if (after.some((u) => Math.abs(u) < 0.02 * s)) return "falls back to the saddle";
  const tail = strengths.subarray(Math.max(arrived, last - 5));
  if (tail.every((u) => Math.abs(u - s) < 0.02 * s)) return "learned";
  const end = after.subarray(Math.max(0, after.length - 20));
  const crossings = end.filter((u, k) => k > 0 && (u - s) * (end[k - 1] - s) < 0).length;
  if (crossings < 3) return "being learned";
  const again = end.every((u, k) => k < 2 || Math.abs(u - end[k - 2]) < 0.02 * s);
  return again ? "oscillates" : "moves irregularly";
}
