"""Every request of the control socket: what it may hold, and the words with which it is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.bench.commands import ARGUMENTS, check, perform
from hil.bench.world import Refused, World


def error_of(**request: Any) -> str:
    with pytest.raises(Refused) as refused:
        check(request)
    return str(refused.value)


@pytest.mark.parametrize(
    ("request_", "values"),
    [
        (
            {"do": "plug", "connector": 1},
            {"connector": 1, "ready": True, "delay_s": 0.1, "max_current_a": 32.0, "phases": 3},
        ),
        ({"do": "unplug", "connector": 2}, {"connector": 2, "side": "both"}),
        ({"do": "unplug", "connector": 2, "side": "ev"}, {"connector": 2, "side": "ev"}),
        (
            {"do": "ev", "connector": 1, "ready": False},
            {"connector": 1, "ready": False, "max_current_a": None, "ventilation": None},
        ),
        ({"do": "tap", "id_tag": "04A2B3C4"}, {"id_tag": "04A2B3C4", "reader": 1, "hold_s": 0.3}),
        (
            {"do": "meter", "connector": 1, "online": False},
            {"connector": 1, "energy_wh": None, "voltage_v": None, "online": False},
        ),
        (
            {"do": "fault", "connector": 0, "kind": "door_open", "active": True},
            {"connector": 0, "kind": "door_open", "active": True},
        ),
        ({"do": "mains", "on": False}, {"on": False}),
        ({"do": "speed", "factor": 60}, {"factor": 60.0}),
        ({"do": "state", "id": 9}, {}),
        ({"do": "watch"}, {}),
        ({"do": "quit"}, {}),
    ],
)
def test_a_request_with_its_defaults(request_: dict[str, Any], values: dict[str, Any]) -> None:
    assert check(request_) == (request_["do"], values)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, '"do" is missing; known are plug, unplug, ev, tap, meter, fault, mains, speed, state, watch, quit'),
        ({"do": "plugg", "connector": 1}, 'no command "plugg"; did you mean plug?'),
        ({"do": ["plug"]}, 'no command ["plug"]; known are plug'),
        ({"do": "plug"}, "plug needs connector: the whole number of a connector"),
        ({"do": "plug", "connector": "1"}, 'plug: connector must be the whole number of a connector, not "1"'),
        ({"do": "plug", "connector": True}, "plug: connector must be the whole number of a connector, not true"),
        ({"do": "plug", "connector": 1.5}, "not 1.5"),
        (
            {"do": "plug", "conector": 1},
            'plug has no argument "conector"; did you mean connector? (plug takes connector, ready',
        ),
        ({"do": "state", "connector": 1}, 'state has no argument "connector" (state takes no arguments)'),
        ({"do": "plug", "connector": 1, "max_current_a": -1}, "max_current_a must be a number from 0 to 500 A, not -1"),
        ({"do": "plug", "connector": 1, "max_current_a": "16"}, 'max_current_a must be a number from 0 to 500 A, not "16"'),
        ({"do": "plug", "connector": 1, "phases": 4}, "plug: phases must be 1, 2 or 3, not 4"),
        ({"do": "plug", "connector": 1, "delay_s": -0.1}, "plug: delay_s must be a number from 0 to 86,400 s, not -0.1"),
        ({"do": "plug", "connector": 1, "ready": 1}, "plug: ready must be true or false, not 1"),
        ({"do": "unplug", "connector": 1, "side": "left"}, 'unplug: side must be one of both, ev, station, not "left"'),
        ({"do": "ev", "connector": 1}, "ev changes nothing; give ready, max_current_a or ventilation"),
        ({"do": "ev", "connector": 1, "ready": None}, "ev: ready must be true or false, not null"),
        ({"do": "meter", "connector": 1}, "meter changes nothing; give energy_wh, voltage_v or online"),
        ({"do": "meter", "connector": 1, "energy_wh": -5}, "energy_wh must be a number from 0 to 1,000,000,000 Wh, not -5"),
        ({"do": "tap"}, "tap needs id_tag: a text of 1 to 255 characters"),
        ({"do": "tap", "id_tag": ""}, 'tap: id_tag must be a text of 1 to 255 characters, not ""'),
        ({"do": "tap", "id_tag": "A" * 256}, "..."),
        ({"do": "tap", "id_tag": 4}, "tap: id_tag must be a text of 1 to 255 characters, not 4"),
        (
            {"do": "fault", "connector": 1, "kind": "fire", "active": True},
            "fault: kind must be one of ground_fault, emergency_stop",
        ),
        ({"do": "fault", "connector": 1, "kind": "door_open"}, "fault needs active: true or false"),
        ({"do": "mains"}, "mains needs on: true or false"),
        ({"do": "speed", "factor": "fast"}, 'speed: factor must be a number from 0 to 1,000,000, not "fast"'),
    ],
)
def test_a_request_that_is_refused(request_: dict[str, Any], error: str) -> None:
    assert error in error_of(**request_)


def test_a_refused_request_has_changed_nothing() -> None:
    world = World(1)
    before = world.view()
    with pytest.raises(Refused):
        perform(world, *check({"do": "plug", "connector": 7}))
    assert world.view() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for arguments in ARGUMENTS.values() for name in arguments})


@given(st.sampled_from(sorted(ARGUMENTS)), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), st.integers(-1, 3))
def test_whatever_is_asked_is_done_or_refused_in_words(do: str, arguments: dict[str, Any], connector: int) -> None:
    world = World(2)
    request = {"do": do, **arguments}
    if "connector" in ARGUMENTS[do]:
        request["connector"] = connector
    refusal = None
    try:
        perform(world, *check(request))
    except Refused as refused:
        refusal = str(refused)
    assert refusal is None or len(refusal) > 10
    assert world.state()["connectors"].keys() == {"1", "2"}
