"""The days that are measured: what is in them, and that what a day costs the card is counted and stays within its mark."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from chargepoint.core import events as ev
from hil.perf import busy_day, core_events, disk_day


def test_a_busy_hour_is_what_it_says_and_the_same_every_time() -> None:
    hour = busy_day.happenings(1.0)
    assert hour == busy_day.happenings(1.0)
    kinds = Counter(type(event) for event, _ in hour)
    assert kinds[ev.MeterRead] >= 2 * 3_600
    assert 0.85 < kinds[ev.MeterRead] / len(hour) < 0.95
    assert kinds[ev.CardSeen] >= 2 * 2 * 3, "each connector charges four cars, each starts and stops by its card"
    assert kinds[ev.PilotSeen] >= 7 * 2 * 3
    assert min(kinds[ev.Tick], kinds[ev.LockSeen], kinds[ev.ContactorSeen]) > 10
    assert all(earlier[1].mono_s <= later[1].mono_s for earlier, later in pairwise(hour))
    frames = "".join(str(event.text) for event, _ in hour if isinstance(event, ev.FrameReceived))
    assert frames.count('"transactionId":') >= 6
    assert frames.count("TriggerMessage") >= 80


def test_the_core_lives_through_it_and_every_kind_of_event_is_told() -> None:
    figures = core_events.measure(hours=0.05, rounds=2, connectors=3)
    assert figures.worst_s <= figures.core_events_s <= figures.best_s
    assert sum(kind.events for kind in figures.kinds.values()) == figures.events
    assert figures.kinds["MeterRead"].us > 0


def test_a_day_of_charging_costs_the_card_60_mb_at_most_and_an_idle_one_1_mb(tmp_path: Path) -> None:
    try:
        figures = disk_day.measure(tmp_path, hours=4.5)
    except RuntimeError as error:
        pytest.skip(str(error))
    assert 0 < figures.disk_charging_mb_day <= 60
    assert figures.disk_idle_mb_day <= 1
    assert list(tmp_path.iterdir()) == []
