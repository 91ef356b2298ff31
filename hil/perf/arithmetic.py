"""What figures are made of: medians, percentiles, rates."""

from collections.abc import Sequence
from math import ceil
from statistics import median

__all__ = ["median", "percentile", "rounded"]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent of them do not exceed; raises ValueError where there is none."""
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]


def rounded(value: float) -> float:
    """Three digits that count; whole numbers stay whole."""
    if value == 0:
        return 0.0
    return float(f"{value:.3g}") if abs(value) < 1_000 else float(round(value))
