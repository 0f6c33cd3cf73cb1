// One mode of three layers whose two strengths differ: a' = b (s - ab), b' = a (s - ab), in units
// of the time constant. The flow keeps a^2 - b^2. With P = a + b and Q = a - b,
//
//   P = P0 q/p,  Q = Q0 p/q,  p^2 = h^2 + f (P0^2 + D - 2s)/2,  q^2 = h^2 + f (Q0^2 + D + 2s)/2,
//
// where D^2 = (a^2 - b^2)^2 + 4 s^2, h = exp(-D t/2) and f = (1 - h^2)/D.

/** Strengths of both layers, and of the mode, after a time; s > 0. */
export function unbalancedStrengths(t, { s, a0, b0 }) {
  const P0 = a0 + b0;
  const Q0 = a0 - b0;
  const c = Math.abs(P0 * Q0);
  const D = Math.hypot(c, 2 * s);
  const above = Math.sqrt(D + 2 * s);
  const below = c / above; // the root of D - 2 s, which would cancel
  // The floor matters on the way to the saddle alone, where P0 = 0.
  const h = Math.max(Math.exp((-D * t) / 2), Number.MIN_VALUE);
  const f = -Math.expm1(-D * t) / D;
  const rootF = Math.sqrt(f / 2);
  const p = Math.hypot(Math.hypot(P0, below) * rootF, h);
  const q = Math.hypot(Math.hypot(Q0, above) * rootF, h);
  const P = (P0 / p) * q;
  const Q = (Q0 / q) * p;
  // Of u the start and the end have weights that add up to one; near the saddle that cancels more.
  const start = a0 * b0 * Math.pow(h / p / q, 2);
  const learned = ((s * f) / 2) * (Math.pow(P0 / p, 2) + Math.pow(Q0 / q, 2));
  const close = P * P + Q * Q < 2 * (Math.abs(start) + learned);
  const u = close ? ((P - Q) * (P + Q)) / 4 : start + learned;
  return { a: (P + Q) / 2, b: (P - Q) / 2, u };
}

/** Gradient descent in steps of a rate; fewer than nSteps where it diverges. */
export function descendPlane({ s, a0, b0, rate, nSteps }) {
  const path = [{ a: a0, b: b0 }];
  let [a, b] = [a0, b0];
  for (let k = 0; k < nSteps && Math.abs(a) + Math.abs(b) < 100; k++) {
    const drive = rate * (s - a * b);
    [a, b] = [a + drive * b, b + drive * a];
    path.push({ a, b });
  }
  return path;
}

/** Time after which the strength stays within a share of s of where it tends to. */
export function settlingTime({ s, a0, b0 }, share = 0.01) {
  const end = a0 === -b0 ? 0 : s;
  const off = (t) => Math.abs(unbalancedStrengths(t, { s, a0, b0 }).u - end) > share * s;
  let t = 1 / s;
  while (off(t) && t < 1e3 / s) t *= 1.2;
  return t;
}
