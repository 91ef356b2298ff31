"""When an energy is believed."""

import logging

import pytest

from chargepoint.ports import DriverError
from drivers.meters.watch import EnergyWatch


class Story:
    def __init__(self, rate_max_w: float | None = None, step_wh: float = 0.0) -> None:
        self.watch = EnergyWatch(step_wh)
        self.rate_max_w = rate_max_w
        self.now_s = 1_000.0
        self.last_doubt = ""

    def says(self, energy_wh: float, after_s: float = 1.0) -> bool:
        """Whether the value is believed."""
        self.now_s += after_s
        try:
            self.watch.check(energy_wh, self.now_s, self.rate_max_w, "meter 1")
        except DriverError as error:
            self.last_doubt = str(error)
            return False
        return True


def test_energy_that_stands_or_rises_is_believed() -> None:
    story = Story()
    assert all(story.says(energy_wh) for energy_wh in (0.0, 0.0, 1.0, 1.5, 900_000.0))


def test_one_fall_is_not_believed_and_the_register_goes_on() -> None:
    story = Story()
    assert story.says(5_000)
    assert not story.says(4_999)
    assert "meter 1: the energy register fell from 5000 Wh to 4999 Wh" in story.last_doubt
    assert story.says(5_001)
    assert not story.says(12)
    assert not story.says(13)
    assert story.says(5_002), "two strange readings are no story"


def test_a_fall_that_lasts_is_a_new_meter_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    story = Story()
    assert story.says(5_000)
    assert [story.says(energy_wh) for energy_wh in (10, 11, 12, 13)] == [False, False, True, True]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "from 5000 Wh to 12 Wh" in record.getMessage()


def test_readings_that_contradict_one_another_are_no_story() -> None:
    story = Story()
    assert story.says(5_000)
    assert not any(story.says(energy_wh) for energy_wh in (900, 800, 700, 600, 500))
    assert story.says(5_000)


def test_a_value_too_high_that_got_through_is_left_again() -> None:
    story = Story()
    assert story.says(5_000)
    assert story.says(4_000_000_000)
    assert [story.says(5_001 + index) for index in range(3)] == [False, False, True]


def test_a_rise_faster_than_possible_is_not_believed_where_a_limit_is_set() -> None:
    story = Story(rate_max_w=22_000)
    assert story.says(5_000)
    assert story.says(5_100, after_s=10), "22 kW for 10 s are 61 Wh; the tolerance is 100 Wh"
    assert not story.says(6_000, after_s=10)
    assert "jumped from 5100 Wh to 6000 Wh" in story.last_doubt
    assert story.says(5_161, after_s=10)
    assert story.says(5_161 + 22_000, after_s=3_600)


def test_a_jump_that_lasts_is_believed() -> None:
    story = Story(rate_max_w=22_000)
    assert story.says(5_000)
    assert [story.says(energy_wh) for energy_wh in (90_000, 90_001, 90_002)] == [False, False, True]


def test_a_register_of_whole_kilowatt_hours_steps_by_one_and_not_by_two() -> None:
    story = Story(rate_max_w=22_000, step_wh=1_000.0)
    assert story.says(5_000)
    assert story.says(6_000)
    assert not story.says(8_000)


def test_without_a_limit_any_rise_is_believed() -> None:
    story = Story()
    assert story.says(5_000)
    assert story.says(5_000_000, after_s=0.001)
