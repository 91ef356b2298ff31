"""The emulated GPIO chip by itself: which level a wire takes, and what becomes of a line whose holder goes."""

import errno
import struct

import pytest

from hil.kernel import abi
from hil.kernel.lines import Busy, Holder, Lines


def claim(lines: Lines, number: int, flags: int, value: bool | None = None, heard: list[bytes] | None = None) -> Holder:
    asked = abi.Request((number,), "story", (abi.Config(flags, value),))
    return lines.claim(asked, 1, (heard if heard is not None else []).append)


@pytest.mark.parametrize(
    ("flags", "outside", "resistor", "level"),
    [
        (abi.INPUT, None, None, False),
        (abi.INPUT | abi.PULL_UP, None, None, True),
        (abi.INPUT | abi.PULL_UP, None, False, False),
        (abi.INPUT | abi.PULL_DOWN, None, True, True),
        (abi.INPUT | abi.PULL_UP, False, True, False),
        (abi.INPUT, True, False, True),
    ],
)
def test_an_input_follows_the_world_then_a_resistor_then_its_own_pull(
    flags: int, outside: bool | None, resistor: bool | None, level: bool
) -> None:
    lines = Lines(4, keeps_outputs=True)
    lines.drive(2, outside)
    lines.resistor(2, resistor)
    claim(lines, 2, flags)
    assert lines.line(2).level == level


def test_an_output_begins_at_the_level_it_was_asked_for_without_a_change() -> None:
    lines = Lines(4, keeps_outputs=True)
    lines.resistor(1, True)
    before = len(lines.history)
    claim(lines, 1, abi.OUTPUT, True)
    assert lines.line(1).output
    assert len(lines.history) == before


def test_active_low_turns_what_the_holder_says_and_reads() -> None:
    lines = Lines(4, keeps_outputs=True)
    holder = claim(lines, 1, abi.OUTPUT | abi.ACTIVE_LOW, False)
    assert lines.line(1).level
    lines.set_levels(holder, 1, 1)
    assert not lines.line(1).level
    assert lines.levels(holder, 1) == 1


@pytest.mark.parametrize(("keeps", "level"), [(True, True), (False, False)])
def test_a_line_without_its_holder_is_kept_or_released(keeps: bool, level: bool) -> None:
    lines = Lines(4, keeps_outputs=keeps)
    lines.release(claim(lines, 1, abi.OUTPUT, True))
    line = lines.line(1)
    assert (line.level, line.output, line.kept, line.holder) == (level, keeps, keeps, None)


def test_a_line_has_one_holder() -> None:
    lines = Lines(4, keeps_outputs=True)
    first = claim(lines, 1, abi.INPUT)
    with pytest.raises(Busy) as refused:
        claim(lines, 1, abi.INPUT)
    assert refused.value.number == errno.EBUSY
    lines.release(first)
    second = claim(lines, 1, abi.INPUT)
    lines.release(first)  # said twice: it is no longer the first one's
    assert lines.line(1).holder == "story"
    lines.release(second)
    assert lines.line(1).holder is None


def test_a_line_that_is_not_there_and_an_input_that_is_driven_are_refused() -> None:
    lines = Lines(4, keeps_outputs=True)
    with pytest.raises(Busy):
        claim(lines, 4, abi.INPUT)
    with pytest.raises(Busy) as refused:
        lines.set_levels(claim(lines, 1, abi.INPUT), 1, 1)
    assert refused.value.number == errno.EPERM


def test_events_tell_the_edges_that_were_asked_for() -> None:
    lines, heard = Lines(4, keeps_outputs=True), list[bytes]()
    claim(lines, 3, abi.INPUT | abi.RISING, heard=heard)
    for level in (True, True, False, True):
        lines.drive(3, level)
    kinds = [struct.unpack_from("=QIII", event)[1:] for event in heard]
    assert kinds == [(abi.RISING_EVENT, 3, 1), (abi.RISING_EVENT, 3, 2)]
    assert [change.level for change in lines.history] == [True, False, True]
