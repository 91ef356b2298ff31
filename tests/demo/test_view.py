"""The live view as a function of what there is to see."""

import pytest

from hil.demo.keys import FAULTS, KEYS
from hil.demo.scene import Scene
from hil.demo.style import Line, cells, text_of
from hil.demo.view import Held, parts_of, screen
from tests.demo.scenes import CHARGING, FREE, STATION, scene, station

TALK: list[Line] = [(("", f"frame {number}"),) for number in range(100)]


def rows(seen: Scene, held: Held | None = None, width: int = 100, height: int = 30) -> list[str]:
    return [text_of(line) for line in screen(seen, held or Held(chosen=2, speed=60), TALK, width, height)]


def test_it_shows_the_station_and_each_connector_in_words() -> None:
    shown = rows(scene())
    assert shown[:3] == [
        "CK_1  ChargeKing  CK22   energy 60 times faster",
        "network up   link connected   registration Accepted   queue empty",
        "waits for a car or a card",
    ]
    assert shown[4:10] == [
        "  1  Available     free",
        "     no car (A)   contactor open   unlocked   lamp available",
        "     offered  0.0 A   drawn  0.0 A    0.00 kW   meter 12.345 kWh",
        "▸ 2  Charging      charges   session of ••••B3C4  1.501 kWh  1:02:05  transaction 17",
        "     car wants power (C)   contactor CLOSED   locked   lamp suspended ev",
        "     offered 32.0 A   drawn 16.0 A   11.04 kW   meter 24.001 kWh",
    ]


def test_the_conversation_gets_the_room_that_is_left_and_shows_its_end() -> None:
    shown = rows(scene())
    talk = [row for row in shown if row.startswith("frame")]
    assert len(shown) == 30
    assert talk[-1] == "frame 99"
    assert talk == [f"frame {number}" for number in range(100 - len(talk), 100)]
    assert len(talk) > 10


def test_every_key_is_told() -> None:
    foot = " ".join(rows(scene(), width=60)[-4:])
    for key in KEYS:
        assert f" {key.label}  {key.word}" in foot


def test_the_list_of_faults_takes_the_place_of_the_keys() -> None:
    broken = scene(bench={"connectors": {"1": FREE, "2": {**CHARGING, "faults": ["door_open"]}}})
    shown = rows(broken, Held(chosen=2, menu=True))
    foot = " ".join(shown[-4:])
    assert "faults of connector 2" in foot
    assert all(f"  {str(kind).replace('_', ' ')}" in foot for kind in FAULTS)
    assert "plug" not in foot
    marked = [
        text for line in screen(broken, Held(chosen=2, menu=True), TALK, 100, 30) for style, text in line if style == "bad"
    ]
    assert " door open  " in marked


@pytest.mark.parametrize("width", [1, 20, 59, 200])
@pytest.mark.parametrize("height", [1, 5, 10, 24, 60])
def test_it_fits_into_every_terminal(width: int, height: int) -> None:
    shown = rows(scene(), width=width, height=height)
    assert 0 < len(shown) <= height
    assert max(map(cells, shown)) <= width


def test_a_small_terminal_gets_a_line_a_connector() -> None:
    bench = {"connectors": {str(number): CHARGING for number in range(1, 10)}}
    shown = rows(scene(bench=bench), height=24)
    assert sum("offered 32.0 A" in row for row in shown) == 9
    assert shown[4].startswith("  1  Available     C  closed  locked    offered")
    assert sum(row.startswith("frame") for row in shown) >= 4


def test_without_power_the_car_is_still_there() -> None:
    dark = rows(scene(station={}, running=False))
    assert dark[:3] == ["CK_1   energy 60 times faster", "no power; x starts the station", "network up"]
    assert dark[7] == "▸ 2  no power     "
    assert "car wants power (C)" in dark[8]


def test_an_end_without_reason_is_told() -> None:
    assert rows(scene(station={}, running=False, ended="ended by itself, exit status 70"))[1] == (
        "the station ended by itself, exit status 70; x starts it"
    )


def test_what_is_wrong_is_told() -> None:
    queue = {"messages": 1, "oldest_s": 3, "dead_letters": 2}
    said = station(link={"state": "waiting"}, queue=queue, faults=["emergency_stop"])
    said["connectors"] = {"1": {"status": "Faulted", "faults": ["lock_jammed"]}, "2": STATION["connectors"]["2"]}
    shown = rows(scene(station=said, system={"online": False}))
    assert shown[1] == "network CUT   link waiting   registration Accepted   queue 1 billing message, 2 dead letters"
    assert shown[2].endswith("faults: emergency_stop")
    assert shown[4] == "  1  Faulted       broken"
    assert shown[5].endswith("lock jammed")


def test_a_session_that_nobody_named_yet() -> None:
    session = {"id_tag": "•••", "energy_wh": 0, "seconds": None, "transaction_id": None}
    said = station(connectors={"2": {"status": "Charging", "session": session}})
    assert rows(scene(station=said))[7].endswith("session of •••  0.000 kWh  not yet known to the Central System")


def test_lines_for_a_file_have_no_numbers_that_run() -> None:
    assert text_of(parts_of(scene(), 2)) == (
        "connector 2  Charging      charges   car wants power (C)   contactor CLOSED   locked   lamp suspended ev"
    )


def test_control_characters_of_a_peer_do_nothing() -> None:
    evil = rows(scene(station=station(identity="\x1b[2J", waiting_for="\n\x07")))
    assert not any(character < " " for row in evil for character in row)


def test_a_scene_tells_what_was_seen() -> None:
    row = {"transaction_id": 3, "connector_id": 2, "meter_start_wh": 10, "meter_stop_wh": None, "stopped": None, "reason": None}
    books = {"transactions": [row], "complaints": [{"text": "odd"}], "violations": []}
    told = scene(books=books, reported={2: "Charging"}).told()
    assert told[0] == "station: registration Accepted, link connected, 0 billing messages queued, waits for a car or a card"
    assert "connector 2: Charging (the Central System knows Charging), pilot C, contactor closed" in told[2]
    assert told[3:] == ["booked: transaction 3 at connector 2 from 10 Wh still open", "the Central System objects: odd"]
    assert scene(station={}, running=False).told()[0] == "station: without power"
    assert scene(station={}).told()[0].startswith("station: runs, and does not answer")
