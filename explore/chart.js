// What all charts share.

import { plot, text } from "@observablehq/plot";

export const THEORY = "var(--explorable-theory)";
export const SIMULATION = "var(--explorable-simulation)";
export const OTHER = "var(--explorable-other)";
export const NEUTRAL = "var(--explorable-neutral)";

export const DASHED = { stroke: THEORY, strokeWidth: 2, strokeDasharray: "6 4" };

/** Draw a panel as SVG of a width. */
export function draw(panel, width, document) {
  const { label, aspect, height = 250, options } = panel;
  const tall = aspect ? Math.min(width, 340) : height;
  const wide = aspect ? Math.min(width, 340) : width;
  const svg = plot({
    width: wide,
    height: tall,
    marginLeft: 46,
    marginRight: 26,
    marginTop: 26,
    marginBottom: 38,
    style: { fontSize: "12px", background: "none", fontFamily: "inherit" },
    document,
    ...options(wide),
  });
  // The label of the whole says what there is; names of marks say nothing more.
  for (const mark of svg.querySelectorAll("[aria-label]")) mark.removeAttribute("aria-label");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return svg;
}

/** Names of what is drawn, each in its colour, in a corner. */
export function legend(entries, frameAnchor = "top-right") {
  const down = frameAnchor.startsWith("top");
  return entries.map(([name, fill], i) =>
    text([name], {
      frameAnchor,
      fill,
      fontWeight: 600,
      dy: down ? 2 + 15 * i : -4 - 15 * (entries.length - 1 - i),
      dx: frameAnchor.endsWith("right") ? -2 : 4,
      text: (words) => words,
    }),
  );
}

/** Numbers evenly spaced, ends included. */
export function spaced(from, to, n) {
  return Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
}

/**
 * Points (k, y[k]) of a long course, thinned so that a line through them looks the same: of each
 * stretch its lowest and its highest point.
 */
export function thinned(y, most = 300) {
  const points = [];
  const stretch = Math.max(1, Math.ceil(y.length / most));
  for (let start = 0; start < y.length; start += stretch) {
    const end = Math.min(start + stretch, y.length);
    let [low, high] = [start, start];
    for (let k = start; k < end; k++) {
      if (y[k] < y[low]) low = k;
      if (y[k] > y[high]) high = k;
    }
    const ends = low < high ? [low, high] : [high, low];
    for (const k of new Set(ends)) points.push({ x: k, y: y[k] });
  }
  return points;
}
