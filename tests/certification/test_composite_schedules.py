"""Composite schedules, as the certification tool plays them: of three purposes, of a stack, and after clearing."""

import pytest

from tests.certification import tool
from tests.core.harness import World
from tests.core.making_profiles import clear, composite, set_profile

LATE_S = 5  # the tool's schedules begin so many seconds ago
ASKED_S = 400
OWN_A = 32.0  # what the station allows where no profile says anything
PHASES = 3


class Tool:
    """The station and the tool's schedules in a unit. Those in W are a thousand times as high."""

    def __init__(self, unit: str) -> None:
        self.world = World(wall=True)
        self.world.forget()
        self.unit = unit
        self.factor = 1_000.0 if unit == "W" else 1.0
        self.own = OWN_A * 230 * PHASES if unit == "W" else OWN_A

    def sets(self, connector: int, number: int, purpose: str, level: int, duration_s: int, *steps: tuple[int, float],
             transaction: int | None = None, valid: bool = False) -> None:  # fmt: skip
        scaled = [(begin, limit * self.factor, PHASES) for begin, limit in steps]
        now_s = self.world.wall_s
        status = set_profile(
            self.world, connector, *scaled, number=number, purpose=purpose, level=level, unit=self.unit,
            start=now_s - LATE_S, duration=duration_s + LATE_S, transaction=transaction,
            valid=(now_s - LATE_S, now_s + LATE_S + ASKED_S + 1) if valid else (None, None),
        )  # fmt: skip
        assert status == "Accepted"

    def sees(self, *steps: tuple[int, float]) -> None:
        """GetCompositeSchedule shows these limits from these seconds on, moved by what has passed already."""
        expected = [(max(0, begin - LATE_S), limit * self.factor) for begin, limit in steps]
        found = composite(self.world, 1, ASKED_S, self.unit)
        assert [(begin, limit) for begin, limit, *_ in found if begin < ASKED_S - LATE_S] == expected
        assert all(phases == PHASES for _, _, *told in found for phases in told)

    def sees_no_profile(self) -> None:
        assert [step[:2] for step in composite(self.world, 1, ASKED_S, self.unit)] == [(0, self.own)]


@pytest.fixture(params=["A", "W"])
def at(request: pytest.FixtureRequest) -> Tool:
    return Tool(request.param)


@pytest.mark.section("tool TC_066")
def test_the_lowest_of_the_three_purposes_counts(at: Tool) -> None:
    transaction = tool.charging(at.world)
    at.sets(0, 1, "ChargePointMaxProfile", 0, 86_400, (0, 10.0))
    at.sets(1, 2, "TxDefaultProfile", 0, 300, (0, 6.0), (60, 10.0), (120, 8.0), (180, 25.0), (260, 8.0))
    steps = ((0, 8.0), (50, 11.0), (140, 16.0), (200, 6.0), (240, 12.0))
    at.sets(1, 3, "TxProfile", 0, 260, *steps, transaction=transaction)
    # The transaction's own profile ends LATE_S after its 260 s, as its duration is so much longer; the default's likewise.
    at.sees((0, 8.0), (50, 10.0), (200, 6.0), (240, 10.0), (260 + LATE_S, 8.0), (300 + LATE_S, 10.0))


@pytest.mark.section("tool TC_072")
def test_the_higher_level_counts_for_as_long_as_it_lasts(at: Tool) -> None:
    at.sets(1, 1, "TxDefaultProfile", 0, 400, (0, 6.0), (100, 8.0), (200, 10.0), valid=True)
    at.sets(1, 2, "TxDefaultProfile", 1, 150, (0, 7.0), (100, 9.0), valid=True)
    at.sees((0, 7.0), (100, 9.0), (150 + LATE_S, 8.0), (200, 10.0))


@pytest.mark.section("tool TC_067")
def test_profiles_are_cleared_by_number_by_criteria_and_all_at_once(at: Tool) -> None:
    at.sets(1, 1, "TxDefaultProfile", 1, ASKED_S, (0, 6.0), (60, 8.0), (200, 10.0))
    assert clear(at.world, id=1) == "Accepted"
    at.sees_no_profile()
    at.sets(1, 2, "TxDefaultProfile", 1, ASKED_S, (0, 6.0), (60, 8.0), (200, 10.0))
    assert clear(at.world, connectorId=1, chargingProfilePurpose="TxDefaultProfile", stackLevel=1) == "Accepted"
    at.sees_no_profile()
    at.sets(0, 3, "ChargePointMaxProfile", 1, ASKED_S, (0, 9.0))
    at.sets(1, 4, "TxDefaultProfile", 1, ASKED_S, (0, 6.0), (60, 10.0))
    at.sees((0, 6.0), (60, 9.0))
    assert clear(at.world) == "Accepted"
    at.sees_no_profile()
    assert clear(at.world, id=1) == "Unknown"


@pytest.mark.section("tool TC_082")
def test_a_default_profile_holds_in_the_transaction_that_runs_already(at: Tool) -> None:
    tool.charging(at.world)
    at.sets(1, 1, "TxDefaultProfile", 0, ASKED_S, (0, 6.0), (60, 10.0), (120, 8.0))
    at.sees((0, 6.0), (60, 10.0), (120, 8.0))
    before_a = at.world.offer()
    at.world.advance(61.0)
    assert before_a != at.world.offer() != OWN_A
