"""From the current that is offered to the pulse on the pilot, IEC 61851-1 table A.7, and nothing else.

A car reads 10 to 85 % as 0.6 A a percent, and what lies above 85, up to 96 %, as 2.5 A a percent above 64 %. Every rounding
here is towards less current.
"""

import math

CURRENT_MIN_A = 6.0
CURRENT_MAX_A = 80.0
PERIOD_NS = 1_000_000  # 1 kHz
KNEE_A = 51.0  # 85 %, the highest duty of the first formula
BEYOND_KNEE_A = 52.5  # what the second formula says of the same 85 %
DIGITAL_DUTY = 0.05  # the car must ask by digital communication (ISO 15118); never offered here


def duty_of(current_a: float) -> float:
    """The highest duty, 0.1 to 0.96, that a car reads as no more than current_a (6 to 80 A); ValueError outside."""
    if not CURRENT_MIN_A <= current_a <= CURRENT_MAX_A:
        raise ValueError(f"{current_a} A cannot be offered on a pilot: 6 to 80 A can")
    if current_a <= KNEE_A:
        return current_a / 60.0
    if current_a < BEYOND_KNEE_A:
        return 0.85  # no duty stands for these: 85 % is 51 A, and what lies above it begins at 52.5 A
    return (current_a / 2.5 + 64.0) / 100.0


def pulse_ns(current_a: float | None, period_ns: int = PERIOD_NS) -> int:
    """How long the pilot is high in each period, rounded down; None is a steady pilot: nothing is offered."""
    return period_ns if current_a is None else math.floor(duty_of(current_a) * period_ns)
