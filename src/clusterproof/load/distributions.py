"""The tails that the judges need, without a numerics library.

Source: Numerical Recipes (3rd edition), 6.2 and 6.4: series and continued fractions of the
incomplete gamma and beta functions (Lentz's method).
"""

import math

_TINY = 1e-300
_ENOUGH = 1e-15
_MOST_TERMS = 10_000


def gamma_upper(shape: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(shape, x)."""
    if x <= 0:
        return 1.0
    front = math.exp(-x + shape * math.log(x) - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1.0 / shape
        for n in range(1, _MOST_TERMS):
            term *= x / (shape + n)
            total += term
            if abs(term) < abs(total) * _ENOUGH:
                break
        return max(0.0, 1.0 - total * front)
    b = x + 1.0 - shape
    c = 1.0 / _TINY
    d = 1.0 / b
    result = d
    for n in range(1, _MOST_TERMS):
        a = -n * (n - shape)
        b += 2.0
        d = 1.0 / _off_zero(a * d + b)
        c = _off_zero(b + a / c)
        result *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return front * result


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The chance of at least `statistic` under chi-square with `degrees` degrees of freedom."""
    return gamma_upper(degrees / 2, statistic / 2)


def beta_lower(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1 - x) / b


def binomial_at_most(successes: int, trials: int, chance: float) -> float:
    """P(B <= successes) for B binomial."""
    if successes < 0:
        return 0.0
    if successes >= trials:
        return 1.0
    return beta_lower(trials - successes, successes + 1, 1 - chance)


def zero_failures_bound(trials: int, confidence: float = 0.95) -> float:
    """The failure rate that no failure in `trials` still allows, one-sided."""
    return 1.0 if trials <= 0 else 1.0 - (1.0 - confidence) ** (1.0 / trials)


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _beta_fraction(a: float, b: float, x: float) -> float:
    c = 1.0
    d = 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _off_zero(1.0 + even * d)
        c = _off_zero(1.0 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _off_zero(1.0 + odd * d)
        c = _off_zero(1.0 + odd / c)
        result *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return result
