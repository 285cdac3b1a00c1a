# SPDX-License-Identifier: BSD-3-Clause
"""Prints the polynomial coefficients of nn/vmath.h.

Each is a minimax fit by Lawson's reweighted least squares on Chebyshev nodes, in 50 decimal
digits. Coefficients are rounded to float from the lowest order up; after each rounding the others
are fitted again, so that they take over the rounding error.

    python3 tests/reference/polynomials.py
"""
import numpy as np
from mpmath import mp, mpf, cos, erf, erfc, exp, expm1, log, log1p, matrix, lu_solve, pi, sin, sqrt

mp.dps = 50


def as_c(value):
    """A float as a C literal."""
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f"


def nodes(low, high, n):
    """Chebyshev nodes of [low, high]."""
    return [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * n)) for i in range(n)]


def least_squares(xs, ys, weights, powers):
    """Coefficients of the given powers that minimise the weighted squares."""
    normal, right = matrix(len(powers), len(powers)), matrix(len(powers), 1)
    for x, y, w in zip(xs, ys, weights):
        row = [x**p for p in powers]
        for i, a in enumerate(row):
            right[i] += w * a * y
            for j, b in enumerate(row):
                normal[i, j] += w * a * b
    return list(lu_solve(normal, right))


def minimax(xs, ys, scale, powers, rounds=25):
    """Minimises the greatest |error| * scale."""
    lawson = [mpf(1)] * len(xs)
    for _ in range(rounds):
        weights = [w * s * s for w, s in zip(lawson, scale)]
        c = least_squares(xs, ys, weights, powers)
        errors = [abs(sum(a * x**p for a, p in zip(c, powers)) - y) * s
                  for x, y, s in zip(xs, ys, scale)]
        lawson = [w * (e + mpf(10)**-40) for w, e in zip(lawson, errors)]
        total = sum(lawson)
        lawson = [w / total for w in lawson]
    return c, max(errors)


def fit(name, target, low, high, degree, scale=lambda x: mpf(1)):
    """Fits target by a polynomial of this degree and prints it, lowest order first."""
    xs = nodes(mpf(low), mpf(high), 6 * (degree + 2))
    ys, weights = [target(x) for x in xs], [scale(x) for x in xs]
    done, error = [], 0
    for first in range(degree + 1):
        rest = [y - sum(mpf(c) * x**p for p, c in enumerate(done)) for x, y in zip(xs, ys)]
        c, error = minimax(xs, rest, weights, list(range(first, degree + 1)))
        done.append(float(np.float32(float(c[0]))))
    error = max(abs(sum(mpf(c) * x**p for p, c in enumerate(done)) - y) * w
                for x, y, w in zip(xs, ys, weights))
    print(f"{name}: greatest error {float(error):.1e}")
    for c in done:
        print(f"    {as_c(c)}")


def split(name, value, parts):
    """Prints a constant as a sum of floats."""
    print(name)
    for _ in range(parts):
        part = float(np.float32(float(value)))
        print(f"    {as_c(part)}")
        value -= mpf(part)


def main():
    half_log2 = log(2) / 2
    fit("(expm1(r) - r) / r^2", lambda r: (expm1(r) - r) / r**2, -half_log2, half_log2, 4,
        lambda r: abs(r))
    fit("(sin(r) - r) / r^3, in r^2", lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, 1e-9,
        (pi / 4)**2, 2, lambda z: z)
    fit("(cos(r) - 1 + r^2 / 2) / r^4, in r^2", lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, 1e-6,
        (pi / 4)**2, 2, lambda z: z**2)
    fit("(log1p(f) - f + f^2 / 2) / f^3", lambda f: (log1p(f) - f + f**2 / 2) / f**3,
        sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1, 7, lambda f: f**2)
    fit("erf(x) / x - 1, in x^2", lambda z: erf(sqrt(z)) / sqrt(z) - 1, 1e-9, 1, 6)
    fit("log(erfc(a)), a = 1 ... 4", lambda a: log(erfc(a)), 1, 4, 6, erfc)
    split("log 2", log(2), 2)
    split("1 / log 2", 1 / log(2), 1)
    split("pi / 2", pi / 2, 3)
    split("2 / pi", 2 / pi, 1)
    split("sqrt 1/2", sqrt(mpf(1) / 2), 1)


if __name__ == "__main__":
    main()
