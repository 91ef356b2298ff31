"""Every arrow of the diagram, gone once: each transition that the station makes (OCPP 1.6 section 4.9), and the picture."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chargepoint.messages import ChargePointStatus as Status
from tests.core import diagram
from tests.core.central_system import After, id_tag_info
from tests.core.harness import World
from tests.core.transitions import DEVIATIONS, ORDER, STATION, TABLE, allowed, code, ends

pytestmark = pytest.mark.section("7.7")

Begin = Callable[[], World]


def available(**more: Any) -> World:
    return World(**more)


def preparing(**more: Any) -> World:
    world = available(**more)
    world.plug()
    return world


def charging(**more: Any) -> World:
    world = preparing(**more)
    world.tap()
    return world


def suspended_ev(**more: Any) -> World:
    world = charging(**more)
    world.pilot(1, "B")
    return world


def suspended_evse(**more: Any) -> World:
    """The lock slipped and is jammed: the station may not close the contactor."""
    world = charging(**more)
    world.plants[1].jammed = True
    world.slip_lock(1, False)
    return world


def finishing(**more: Any) -> World:
    world = charging(**more)
    world.tap()
    return world


def reserved(**more: Any) -> World:
    world = available(**more)
    reserve(world)
    return world


def reserve(world: World, connector: int = 1) -> None:
    fields = {"connectorId": connector, "expiryDate": world.csms.time(world.wall_s + 600), "idTag": "CARD1"}
    assert world.call("ReserveNow", fields, reservationId=1) == {"status": "Accepted"}


def unavailable(**more: Any) -> World:
    world = available(**more)
    inoperative(world)
    return world


def inoperative(world: World) -> None:
    world.call("ChangeAvailability", connectorId=1, type="Inoperative")


def operative(world: World) -> None:
    world.call("ChangeAvailability", connectorId=1, type="Operative")


def refused_while_resting() -> World:
    """The session's id turns out to be refused while the car does not draw; it may go on without energy."""
    world = preparing(keys={"StopTransactionOnInvalidId": False})
    world.csms.once("StartTransaction", After(5.0, {**id_tag_info("Blocked"), "transactionId": 1}))
    world.tap()
    world.pilot(1, "B")
    world.advance(6.0)
    return world


def the_others_go(world: World) -> None:
    """Any connector is reserved, and no other one is left: the second is used, the third fails."""
    reserve(world, 0)
    world.plug(2)
    world.tap("OTHER")
    world.input("ground_fault", 3)


def short_of_current() -> World:
    """A second car waits for its share of the current."""
    world = World(connectors=2, current_a_max=10.0)
    world.plug(2)
    world.tap("OTHER")
    world.advance(1.0)
    world.plug(1)
    world.tap()
    return world


def after_fault(world: World) -> World:
    world.input("ground_fault", 1)
    world.input("ground_fault", 1, active=False)
    return world


def interrupted(world: World) -> World:
    world.lose("meter")
    world.recover("meter")
    return world


def then(begin: World, *acts: Callable[[World], object]) -> World:
    for act in acts:
        act(begin)
    return begin


def fault(world: World) -> None:
    world.input("ground_fault", 1)


def tap(world: World) -> None:
    world.tap()


def mains(world: World) -> None:
    world.input("mains_lost")
    world.advance(30.0)
    world.input("mains_lost", active=False)


STORIES: dict[str, Begin] = {
    "A2": preparing,
    "A7": reserved,
    "A8": unavailable,
    "A9": lambda: then(available(), fault),
    "B1": lambda: then(preparing(), World.unplug),
    "B3": charging,
    "B4": lambda: then(available(), lambda world: world.plug(ready=False), tap, lambda world: world.advance(3.1)),
    "B5": short_of_current,
    "B6": lambda: then(available(), lambda world: world.plug(ready=False), tap, tap),
    "B7": lambda: then(reserved(), tap, lambda world: world.advance(61.0)),
    "B8": lambda: then(preparing(), inoperative),
    "B9": lambda: then(preparing(), fault),
    "C4": suspended_ev,
    "C5": suspended_evse,
    "C6": finishing,
    "C9": lambda: then(charging(), fault),
    "D3": lambda: then(suspended_ev(), World.ev_ready),
    "D5": refused_while_resting,
    "D6": lambda: then(suspended_ev(), tap),
    "D9": lambda: then(suspended_ev(), fault),
    "E3": lambda: then(suspended_evse(), lambda world: world.slip_lock(1, True)),
    "E4": lambda: then(suspended_evse(), lambda world: world.pilot(1, "B")),
    "E6": lambda: then(suspended_evse(), tap),
    "E9": lambda: then(suspended_evse(), fault),
    "F1": lambda: then(finishing(), World.unplug),
    "F2": lambda: then(finishing(), tap),
    "F7": lambda: then(finishing(connectors=3), the_others_go, World.unplug),
    "F8": lambda: then(finishing(), inoperative),
    "F9": lambda: then(finishing(), fault),
    "G1": lambda: then(reserved(), lambda world: world.call("CancelReservation", reservationId=1)),
    "G2": lambda: then(reserved(), tap),
    "G8": lambda: then(reserved(), inoperative),
    "G9": lambda: then(reserved(), fault),
    "H1": lambda: then(unavailable(), operative),
    "H2": lambda: then(unavailable(), World.plug, operative),
    "H6": lambda: then(finishing(), inoperative, operative),
    "H7": lambda: then(unavailable(connectors=3), the_others_go, operative),
    "H9": lambda: then(unavailable(), fault),
    "I1": lambda: after_fault(available()),
    "I2": lambda: after_fault(preparing()),
    "I3": lambda: interrupted(charging()),
    "I4": lambda: interrupted(suspended_ev()),
    "I5": lambda: interrupted(short_of_current()),
    "I6": lambda: after_fault(charging()),
    "I7": lambda: then(reserved(), mains),
    "I8": lambda: after_fault(unavailable()),
}


@pytest.mark.section("4.9")
@pytest.mark.parametrize("name", STORIES)
def test_every_transition_is_made(name: str) -> None:
    seen = STORIES[name]().seen.statuses[1]
    before, after = ends(name)
    assert (before, after) in pairwise(seen), f"{name} is {before} to {after}, seen were {seen}"


def test_every_transition_has_its_story() -> None:
    taken = [name for name, one in TABLE.items() if one.taken] + list(DEVIATIONS)
    assert sorted(STORIES) == sorted(taken)


def test_the_table_is_that_of_the_specification() -> None:
    rows = {"A": "2345789", "B": "134569", "C": "145689", "D": "135689", "E": "134689", "F": "1289", "G": "1289", "H": "123459"}
    rows["I"] = "12345678"
    assert list(TABLE) == [letter + number for letter, numbers in rows.items() for number in numbers]
    assert not set(DEVIATIONS) & set(TABLE)
    assert all(code(*ends(name)) == name for name in (*TABLE, *DEVIATIONS))


def test_what_the_table_does_not_have_is_not_allowed() -> None:
    assert not allowed(Status.Charging, Status.Preparing)
    assert not allowed(Status.Charging, Status.Available), "by way of Finishing"
    assert allowed(Status.Charging, Status.Charging)
    assert sum(allowed(before, after) for before in ORDER for after in ORDER) == len(STORIES) + len(ORDER)


@pytest.mark.section("4.9")
@pytest.mark.parametrize("name", STORIES)
def test_connector_0_knows_three_statuses(name: str) -> None:
    assert set(STORIES[name]().statuses(0)) <= STATION


def test_the_picture_is_what_the_table_says() -> None:
    assert diagram.FILE.read_text(encoding="utf-8") == diagram.render(), "run script/diagram"
    assert diagram.main(["--check"]) == 0


def test_an_old_picture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(diagram, "FILE", tmp_path / "picture.svg")
    assert diagram.main(["--check"]) == 1
    assert "run script/diagram" in capsys.readouterr().err
    assert diagram.main([]) == 0
    assert diagram.main(["--check"]) == 0


def test_every_arrow_and_every_status_is_in_the_picture() -> None:
    root = ElementTree.fromstring(diagram.render())
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(status.value in texts for status in ORDER)
    assert all(texts.count(name) >= 2 for name in diagram.drawn()), "on the arrow and in the legend"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 0 < float(text.attrib["y"]) < height
