"""Covariance matrices carried by a linear model: congruence, symmetry, the stationary one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]


DOUBLINGS = 20  # 2^20 pentads are 14,000 years


DENSE_SHARE = 0.01  # of entries, above which a dense product beats a sparse one


def stationary_covariance(transition: sparse.csr_array, noise: Floats) -> Floats:
    """Solution of P = M P M' + Q by doubling (Smith 1968, SIAM J. Appl. Math. 16, 198-201).

    After k doublings P holds the first 2^k terms of the sum of M^i Q M'^i. Dense powers are held in
    float32, which halves the time: they only weigh old noise, and P stays accurate to some 1e-6.

    Raises:
        ValueError: powers of the transition do not vanish (spectral radius not below one).
    """
    covariance, power = noise.copy(), transition
    for _ in range(DOUBLINGS):
        covariance += congruence(power, covariance)
        if abs(power).sum(axis=1).max() ** 4 < 1e-7:  # bounds the share of the sum that is missing
            return symmetric(covariance)
        power = power @ power
        if sparse.issparse(power) and power.nnz > DENSE_SHARE * power.shape[0] ** 2:
            power = power.toarray().astype(np.float32)
    raise ValueError(
        f"the transition does not fade within 2^{DOUBLINGS} steps, expected a spectral radius below "
        "one; add damping"
    )


def congruence(matrix: sparse.csr_array | NDArray, covariance: Floats) -> NDArray:
    """A P A' for symmetric P, in the precision of A."""
    return matrix @ (matrix @ covariance.astype(matrix.dtype, copy=False)).T


def symmetric(matrix: Floats) -> Floats:
    return 0.5 * (matrix + matrix.T)
