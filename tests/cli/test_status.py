"""`chargepoint status`: one readable screen from whatever a service tells."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.cli import status
from chargepoint.cli.main import main
from tests.cli.conftest import Service

STATUS: dict[str, Any] = {
    "identity": "CK_XXX_0001",
    "vendor": "ChargeKing",
    "model": "CK22",
    "firmware_version": "1.0.0",
    "registration": "Accepted",
    "link": {"state": "up", "url": "ws://cs.example.org/ocpp/CK_XXX_0001", "since_s": 3723.4},
    "clock": {"known": True, "time": "2026-11-22T08:00:00Z"},
    "queue": {"messages": 3, "oldest_s": 42.0, "dead_letters": 1},
    "connectors": {
        "1": {
            "status": "Charging",
            "error_code": "NoError",
            "faults": [],
            "plugged": True,
            "pilot": "C",
            "contactor": "closed",
            "lock": "locked",
            "offered_current_a": 16.0,
            "current_a": [16.0, 15.9, 16.1],
            "power_w": 11040.0,
            "energy_wh": 1234567,
            "session": {
                "id_tag": "04A2****",
                "transaction_id": 17,
                "energy_wh": 5500,
                "since": "2026-11-22T07:30:00Z",
                "seconds": 1800,
            },
        },
        "2": {
            "status": "Faulted",
            "error_code": "GroundFailure",
            "faults": ["ground_fault"],
            "plugged": False,
            "power_w": 12.4,
        },
        "10": {"status": "Available", "lock": None},
    },
    "waiting_for": "a vehicle at connector 10",
}


def test_what_an_installer_must_look_at_is_told() -> None:
    one = {"status": "Faulted", "lost": {"pilot": "no chip on spidev0.0"}, "latched": ["contactor_welded"], "cycles": 12345}
    told = status.as_lines({"lost": {"reader 1": "no answer"}, "connectors": {"2": one}})
    assert "Part          reader 1 does not work: no answer" in told
    assert "2: its pilot does not work: no chip on spidev0.0" in told
    assert "2: stays out of use until an installer has looked: chargepoint clear-faults 2" in told
    assert "2: its contactor has been closed 12345 times" in told


def test_an_update_that_is_under_way_is_told() -> None:
    told = status.as_lines({**STATUS, "maintenance": {"firmware": "downloading", "diagnostics": "resting"}})
    assert "Firmware      downloading" in told
    assert not any(line.startswith("Diagnostics") for line in told)


def test_the_screen_tells_everything_at_a_glance() -> None:
    assert status.as_lines(STATUS) == [
        "Station       CK_XXX_0001  ChargeKing  CK22  firmware 1.0.0",
        "Waits for     a vehicle at connector 10",
        "Link          up for 1:02:03, ws://cs.example.org/ocpp/CK_XXX_0001",
        "Registration  Accepted",
        "Clock         2026-11-22T08:00:00Z",
        "Queue         3 billing messages to send, the oldest waits for 0:00:42; 1 dead letter (chargepoint dead-letters list)",
        "",
        "CONNECTOR  STATUS     CABLE        CONTACTOR  LOCK    OFFERED  CURRENT              POWER      REGISTER",
        "1          Charging   plugged (C)  closed     locked   16.0 A  16.0 15.9 16.1 A  11.04 kW  1234.567 kWh",
        "2          Faulted    free         -          -             -  -                     12 W             -",
        "10         Available  -            -          -             -  -                        -             -",
        "",
        "1: session of 04A2****, 5.500 kWh in 0:30:00, since 2026-11-22T07:30:00Z, transaction 17",
        "2: error GroundFailure",
        "2: faults: ground_fault",
    ]


def test_what_is_wrong_with_the_station_as_a_whole_is_told() -> None:
    lines = status.as_lines(
        {
            "faults": ["emergency_stop"],
            "store": {"fault": "/x/station.db: the disk is full"},
            "operative": False,
            "leaving": "soft",
            "connectors": {"1": {"error_code": "OtherError", "info": "meter lost", "pending": "inoperative"}},
        }
    )
    assert lines[6:9] == [
        "Faults        emergency_stop; store: /x/station.db: the disk is full",
        "Availability  Inoperative, as the Central System asked",
        "Ending        soft",
    ]
    assert lines[-2:] == ["1: error OtherError (meter lost)", "1: becomes inoperative when its session has ended"]


def test_the_command_shows_what_the_service_says(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"status": STATUS}
    assert main(["status", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == status.as_lines(STATUS)
    assert main(["status", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_the_socket_may_be_named(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers = {"status": {"identity": "CK9"}}
    assert main(["status", "--socket", str(config.parent / "state" / "control.sock")]) == 0
    assert "CK9" in capsys.readouterr().out


def test_a_broken_file_does_not_hide_a_running_service(
    service: Service, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = {"status": STATUS}
    config.write_text(config.read_text().replace("identity", "idenity"))
    assert main(["status", "--config", str(config)]) == 0
    assert "Charging" in capsys.readouterr().out


def test_without_a_service_it_says_so_and_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", str(config)]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("chargepoint status: the service is not running")
    assert "systemctl start chargepoint" in told.err


def test_what_a_peer_wrote_cannot_steer_the_terminal() -> None:
    hostile = "\x1b]0;gotcha\x07\x1b[2J\r\n\u202e"
    told = "\n".join(
        status.as_lines(
            {"identity": hostile, "link": {"state": "down", "reason": hostile}, "connectors": {hostile: {"status": hostile}}}
        )
    )
    assert all(character.isprintable() or character == "\n" for character in told)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["state", "1", "known", "session"]), inner),
    max_leaves=5,
)
shaped = st.dictionaries(st.sampled_from(list(STATUS)), anything) | st.fixed_dictionaries(
    {
        "connectors": st.dictionaries(
            st.text(max_size=3), st.dictionaries(st.sampled_from(list(STATUS["connectors"]["1"])), anything)
        )
    }
)


@settings(max_examples=150, deadline=None)
@given(shaped)
def test_a_status_of_any_other_version_is_shown_as_far_as_it_goes(answer: dict[str, Any]) -> None:
    lines = status.as_lines(answer)
    assert lines[0].startswith("Station")
    assert all(line.isprintable() for line in lines)


def test_remarks_about_wiring_are_shown_at_their_connector() -> None:
    remark = "The meter counts what the car takes as if it were given back."
    told = status.as_lines({"connectors": {"1": {"status": "Charging", "wiring": [remark]}}})
    assert told[-1] == f"1: wiring: {remark}"


def test_security_is_shown_where_there_is_something_to_show() -> None:
    def line(**security: Any) -> list[str]:
        return [text for text in status.as_lines({"security": security}) if text.startswith("Security")]

    assert line(profile=0, on_trial=False, central_system_roots=0, certificate_until=None, certificate_problem="") == []
    assert line(profile=2, on_trial=True, central_system_roots=2) == [
        "Security      profile 2, not reached yet; 2 Central System roots"
    ]
    (own,) = line(
        profile=3, central_system_roots=1, certificate_until="2027-01-01T00:00:00+00:00", certificate_problem="broken"
    )
    assert own.endswith("profile 3; 1 Central System root; own certificate until 2027-01-01T00:00:00+00:00; broken")
