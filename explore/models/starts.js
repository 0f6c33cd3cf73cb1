// Products of random N x N matrices, and their singular values and eigenvalues.
//
// Numbers come from d3-random: its linear congruential generator, started from a seed, feeds the
// polar method for normal numbers. Linear algebra is that of ml-matrix.

import { EigenvalueDecomposition, Matrix, QrDecomposition, SVD } from "ml-matrix";
import { randomLcg, randomNormal } from "d3-random";

// Singular values below this share of the largest are rounding errors of the product.
export const RESOLVED = 1e-13;

/** Square matrices with independent normal entries of variance 1/N, as many as asked for. */
export function gaussianFactors(size, nFactors, seed) {
  // Small seeds of this generator start alike.
  const normal = randomNormal.source(randomLcg(seed * 0x9e3779b1))(0, 1 / Math.sqrt(size));
  return Array.from({ length: nFactors }, () =>
    Matrix.from1DArray(size, size, Array.from({ length: size * size }, normal)),
  );
}

/** The uniformly distributed orthogonal matrix that a Gaussian one turns into. */
export function orthogonalFactor(gaussian) {
  const qr = new QrDecomposition(gaussian);
  const R = qr.upperTriangularMatrix;
  const Q = qr.orthogonalMatrix;
  for (let j = 0; j < Q.columns; j++) if (R.get(j, j) < 0) Q.mulColumn(j, -1);
  return Q;
}

export function product(factors) {
  return factors.reduce((before, factor) => factor.mmul(before));
}

/** Singular values, descending. */
export function singularValues(matrix) {
  const options = { computeLeftSingularVectors: false, computeRightSingularVectors: false };
  return new SVD(matrix, options).diagonal;
}

/** Eigenvalues as pairs of real and imaginary part. */
export function eigenvalues(matrix) {
  const found = new EigenvalueDecomposition(matrix, { assumeSymmetric: false });
  return found.realEigenvalues.map((re, i) => [re, found.imaginaryEigenvalues[i]]);
}

/** How many singular values are larger than rounding. */
export function resolved(values) {
  return values.filter((value) => value > RESOLVED * values[0]).length;
}

/** The limiting law of a Gaussian product's singular values: shares above, and logarithms. */
export function gaussianLaw(nFactors, nPoints = 200) {
  const m = nFactors;
  return Array.from({ length: nPoints }, (_, i) => {
    const phi = (Math.PI / (m + 1)) * ((i + 0.5) / nPoints);
    const top = Math.sin((m + 1) * phi);
    const bottom = Math.sin(m * phi);
    const logS = ((m + 1) * Math.log(top) - m * Math.log(bottom) - Math.log(Math.sin(phi))) / 2;
    const share = ((m + 1) * phi - (m * Math.sin(phi) * top) / bottom) / Math.PI;
    return { logS, share };
  });
}
