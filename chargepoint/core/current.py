"""Current: how much each connector may offer (IEC 61851-1: 6 A at least; OCPP 1.6 section 3.13 for limits).

Owns the sharing of the station's current between the connectors that charge. Refuses to know who charges and why, and where a
limit comes from.
"""

from collections.abc import Mapping

OFFER_MIN_A = 6.0


def share(limits_a: Mapping[int, float], station_a: float, least_a: Mapping[int, float] | None = None) -> dict[int, float]:
    """What each connector gets, so that the sum is at most station_a: equal parts, and what one cannot use goes to the others.

    limits_a: what each connector that charges could use, in the order in which they began. least_a: below this it would rather
    wait (minChargingRate), 6 A where left out. Where not even that is left for each, those that began last get 0.
    """
    least = {number: max(OFFER_MIN_A, (least_a or {}).get(number, 0.0)) for number in limits_a}
    served = [number for number in limits_a if limits_a[number] >= least[number]]
    while served and sum(least[number] for number in served) > station_a:
        served.pop()
    return dict.fromkeys(limits_a, 0.0) | _level({number: (least[number], limits_a[number]) for number in served}, station_a)


def _level(bounds: dict[int, tuple[float, float]], total_a: float) -> dict[int, float]:
    """Equal parts of the total, each within its bounds. The lower bounds together are not above the total.

    Whoever cannot have the equal part gets its bound, first those on the side that weighs more, and the rest is shared anew.
    """
    given: dict[int, float] = {}
    while bounds:
        part_a = (total_a - sum(given.values())) / len(bounds)
        within = {number: min(max(part_a, low), high) for number, (low, high) in bounds.items()}
        excess_a = sum(within.values()) - part_a * len(bounds)
        if excess_a > 0:
            settled = {number: low for number, (low, _) in bounds.items() if low > part_a}
        else:
            settled = {number: high for number, (_, high) in bounds.items() if high < part_a}
        settled = settled or within
        given |= settled
        bounds = {number: bound for number, bound in bounds.items() if number not in settled}
    return given
