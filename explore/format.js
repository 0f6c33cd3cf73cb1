// Numbers as people write them.

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function power(exponent) {
  const digits = [...String(Math.abs(exponent))].map((digit) => RAISED[digit]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number to a few significant digits: 0.033, 12,400, 3.8·10⁻⁶, −0.82. */
export function told(x, digits = 2) {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    const factor = Number(mantissa) === 1 ? "" : `${minus(Number(mantissa))}·`;
    return factor + power(Number(exponent));
  }
  const rounded = size >= 10 ** digits ? Math.round(x) : Number(x.toPrecision(digits));
  return minus(rounded);
}

function minus(x) {
  return x.toLocaleString("en-US", { maximumFractionDigits: 6 }).replace("-", "−");
}

/** A number with this many decimals. */
export function fixed(decimals) {
  return (x) => x.toFixed(decimals).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
}

/** A tick of an axis. */
export const tick = (x) => told(x, 3);
