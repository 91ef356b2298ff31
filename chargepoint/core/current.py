"""Current: how much each connector may offer (IEC 61851-1: 6 A at least; OCPP 1.6 section 3.13 for limits).

Owns the sharing of the station's current between the connectors that charge. Refuses to know who charges and why.
"""

from collections.abc import Mapping

OFFER_MIN_A = 6.0


def share(limits_a: Mapping[int, float], station_a: float) -> dict[int, float]:
    """What each connector gets, so that the sum is at most station_a: equal parts, and what one cannot use goes to the others.

    limits_a: what each connector that charges could use, in the order in which they began. Where not even 6 A are left for
    each, those that began last get 0.
    """
    served = dict(limits_a)
    while served and station_a / len(served) < OFFER_MIN_A:
        served.popitem()
    given = dict.fromkeys(limits_a, 0.0)
    rest_a = station_a
    for left, (number, limit_a) in zip(
        range(len(served), 0, -1), sorted(served.items(), key=lambda item: item[1]), strict=True
    ):
        given[number] = min(limit_a, rest_a / left)
        rest_a -= given[number]
    return given
