"""What a wrong file is told: file, section, key, what was found, what is allowed, and the next step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargepoint.settings import Problem, SettingsError, parse
from tests.settings.documents import broken, in_file, valid

Change = Callable[[dict[str, Any]], Any]


def problems_of(document: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(document, file="station.toml")
    return caught.value.problems


def only(document: dict[str, Any]) -> str:
    (problem,) = problems_of(document)
    return str(problem)


CASES: list[tuple[Change, str]] = [
    (
        lambda d: d["central_system"].update(url="htp://cs"),
        'station.toml: [central_system] url: found "htp://cs", must begin with ws:// or wss:// (not http), without blanks; '
        "example: ws://cs.example.org/ocpp",
    ),
    (
        lambda d: d["station"].update(offline_behavior="cache"),
        "station.toml: [station] offline_behavior: unknown key; did you mean offline_behaviour?",
    ),
    (
        lambda d: d["station"].update(url="ws://cs"),
        "station.toml: [station] url: unknown key; it belongs into [central_system]",
    ),
    (lambda d: d.update(identity="x"), "station.toml: identity: unknown key; it belongs into [station]"),
    (lambda d: d.update(conectors={}), "station.toml: conectors: unknown key; did you mean connectors?"),
    (
        lambda d: d["central_system"].update(zzzz=1),
        "station.toml: [central_system] zzzz: unknown key; known here: url, authorization_key, "
        "authorization_key_file, authorization_key_credential, security_profile, "
        "reconnect_min_s, reconnect_max_s, call_timeout_s, connect_timeout_s",
    ),
    (
        lambda d: d["station"].pop("vendor"),
        "station.toml: [station] vendor: found nothing, must be text in quotes, 1 to 20 characters",
    ),
    (lambda d: d.pop("station"), "station.toml: [station]: found nothing, must be given: a table"),
    (
        lambda d: d["station"].update(model=22),
        'station.toml: [station] model: found 22, must be text in quotes, 1 to 20 characters; write it in quotes: "22"',
    ),
    (
        lambda d: d["station"].update(model="x" * 21),
        f'station.toml: [station] model: found "{"x" * 21}", must be text in quotes, 1 to 20 characters',
    ),
    (
        lambda d: d["station"].update(free_vend="true"),
        'station.toml: [station] free_vend: found "true", must be true or false; write true or false without quotes',
    ),
    (
        lambda d: d["connectors"]["1"].update(phases=4),
        "station.toml: [connectors.1] phases: found 4, must be one of 1, 2, 3",
    ),
    (
        lambda d: d["connectors"]["1"].update(phases="3"),
        'station.toml: [connectors.1] phases: found "3", must be one of 1, 2, 3; write 3 without quotes',
    ),
    (
        lambda d: d["connectors"]["2"].update(current_a_max=5.9),
        "station.toml: [connectors.2] current_a_max: found 5.9, must be a number from 6 to 80",
    ),
    (
        lambda d: d["connectors"]["2"].update(current_a_max=float("nan")),
        "station.toml: [connectors.2] current_a_max: found nan, must be a number from 6 to 80",
    ),
    (
        lambda d: d["station"].update(current_a_max=10**400),
        "station.toml: [station] current_a_max: found a number of more than 15 digits, must be a number from 6 to 2000",
    ),
    (
        lambda d: d["station"].update(log_level="loud"),
        'station.toml: [station] log_level: found "loud", must be one of "debug", "info", "warning", "error"',
    ),
    (
        lambda d: d["station"].update(serial_number="a\nb"),
        'station.toml: [station] serial_number: found "a\\nb", must be one line of printable characters',
    ),
    (lambda d: d.update(inputs=3), "station.toml: inputs: found 3, must be a table"),
    (lambda d: d.update(station=[1, 2]), "station.toml: station: found a list of 2 values, must be a table"),
    (
        lambda d: d["central_system"].update(authorization_key="correct horse"),
        "station.toml: [central_system] authorization_key: found 13 characters that are not shown, must be an even number "
        "of hexadecimal digits, at most 40 (the key's bytes, not its letters); "
        'example: authorization_key = "001122334455667788AABBCCDDEEFF00"',
    ),
    (
        lambda d: d["central_system"].update(url="wss://CK1:secret@cs.example.org/ocpp"),
        'station.toml: [central_system] url: found "wss://***@cs.example.org/ocpp", must not contain a user or password; '
        "give the password as authorization_key; the identity is the user name",
    ),
    (
        lambda d: d["central_system"].update(url="ws://cs.example.org:99999/ocpp"),
        'station.toml: [central_system] url: found "ws://cs.example.org:99999/ocpp", must be an address: Port out of range '
        "0-65535; example: ws://cs.example.org:8080/ocpp",
    ),
    (
        lambda d: d["central_system"].update(url="ws://cs..example.org/ocpp"),
        'station.toml: [central_system] url: found "ws://cs..example.org/ocpp", must name a host: between its dots stand '
        "1 to 63 letters, digits and -; ws://cs.example.org/ocpp",
    ),
    (
        lambda d: d["central_system"].update(url="ws://cs.example.org/ocpp?token=abc"),
        'station.toml: [central_system] url: found "ws://cs.example.org/ocpp?...", must end with the path: no ? or #; '
        "the station appends /IDENTITY to it",
    ),
    (
        lambda d: d["central_system"].update(reconnect_max_s=0.25),
        "station.toml: [central_system] reconnect_min_s: found 0.5 to 0.25, reconnect_min_s must not be above reconnect_max_s",
    ),
    (
        lambda d: d["station"].update(identity="CK:1"),
        'station.toml: [station] identity: found "CK:1", must not contain ":" where an authorization_key is used '
        "(HTTP Basic ends the user name there)",
    ),
    (
        lambda d: d["connectors"].update({"4": d["connectors"]["2"]}),
        "station.toml: [connectors] 3: found nothing, must be there: connectors are numbered without a gap; there are 1, 2, 4",
    ),
    (
        lambda d: d["connectors"].update({"01": d["connectors"]["2"]}),
        'station.toml: [connectors] 01: found "01", connectors must be numbered 1 to 32; example: [connectors.1]',
    ),
    (
        lambda d: d["connectors"]["1"]["meter"].update(bus="meter"),
        'station.toml: [connectors.1.meter] bus: found "meter", must be one of the [buses] tables; did you mean meters?',
    ),
    (
        lambda d: d["connectors"]["1"]["meter"].update(bus=["meters"]),
        "station.toml: [connectors.1.meter] bus: found a list of 1 values, must be one of the [buses] tables; there are meters",
    ),
    (
        lambda d: d["connectors"]["1"]["pilot"].pop("driver"),
        'station.toml: [connectors.1.pilot] driver: found nothing, must be the name of a driver; example: driver = "virtual"',
    ),
    (
        lambda d: d["connectors"]["1"]["contactor"].update(min_pause_s=5),
        "station.toml: [connectors.1] closing_s: found 2, must be at least 5.5: 0.5 more than min_pause_s of its contactor; "
        "the contactor waits so long before it closes again",
    ),
    (
        lambda d: d["connectors"]["1"].update(cable="tethered"),
        'station.toml: [connectors.1] lock: found a lock, a tethered cable has none; remove it, or set cable = "socket"',
    ),
    (
        lambda d: d["readers"]["1"].update(connectors=[1, 3]),
        "station.toml: [readers.1] connectors: found 3, must be connectors of this file: 1, 2",
    ),
    (
        lambda d: d["readers"]["1"].update(connectors=[1, 1]),
        "station.toml: [readers.1] connectors: found 1 twice, each connector must be named once",
    ),
    (
        lambda d: d["readers"]["1"].update(connectors=[]),
        "station.toml: [readers.1] connectors: found an empty list, must name a connector; leave it out to serve all of them",
    ),
    (
        lambda d: d["readers"]["1"].update(connectors=1),
        "station.toml: [readers.1] connectors: found 1, must be a list of connector numbers; example: connectors = [1, 2]",
    ),
    (
        lambda d: d["readers"].update(door=d["readers"]["1"]),
        'station.toml: [readers.door]: found "door", readers must be numbered 1 to 32; example: [readers.1]',
    ),
    (
        lambda d: d.update(security={"client_key": "no-such.key"}),
        f'station.toml: [security] client_key: found "no-such.key", must be a file that is there; '
        f"looked for it in {Path.cwd()}",
    ),
    (
        lambda d: d["station"].update(control_socket="/" + "x" * 107),
        "station.toml: [station] control_socket: found a socket path of 108 bytes, must be at most 107 bytes, the system "
        "allows no more; example: /run/chargepoint/control.sock",
    ),
    (
        lambda d: d["configuration"].update(heartbeatinterval=30),
        "station.toml: [configuration] heartbeatinterval: found the same key twice, HeartbeatInterval is given already; "
        "keep one of them",
    ),
    (
        lambda d: d["configuration"].update(ConnectionTimeOut="9" * 501),
        "station.toml: [configuration] ConnectionTimeOut: found 501 characters, must be at most 500 characters",
    ),
    (
        lambda d: d["configuration"].update(MeterValuesSampledData=["Voltage"]),
        "station.toml: [configuration] MeterValuesSampledData: found a list of 1 values, must be text in quotes or a whole "
        "number or a number or true or false",
    ),
]


@pytest.mark.parametrize(("change", "text"), CASES, ids=[text[14:60] for _, text in CASES])
def test_a_mistake_is_told(change: Change, text: str) -> None:
    assert only(broken(change)) == text


def test_what_the_core_says_of_a_first_value_is_told_once_and_without_secrets() -> None:
    def check(name: str, value: str) -> str | None:
        sentences = {
            "A": "must be larger",
            "B": f"must be a number, found {value!r}",
            "C": "is no known OCPP key; did you mean D?",
            "AuthorizationKey": f"must be hexadecimal, found {value!r}",
        }
        return sentences.get(name)

    values = {"A": 1, "B": "x", "C": 2, "AuthorizationKey": "geheim", "Fine": 5}
    with pytest.raises(SettingsError) as caught:
        parse(broken(lambda d: d.update(configuration=values)), file="f", check_configuration=check)
    assert [str(problem) for problem in caught.value.problems] == [
        "f: [configuration] A: found 1, must be larger",
        "f: [configuration] B: must be a number, found 'x'",
        "f: [configuration] C: is no known OCPP key; did you mean D?",
        "f: [configuration] AuthorizationKey: found a value that is not shown, must be hexadecimal",
    ]


def test_every_problem_of_a_file_is_told_at_once() -> None:
    def spoil(d: dict[str, Any]) -> None:
        d["station"]["identiy"] = d["station"].pop("identity")
        d["central_system"]["url"] = "http://cs"
        d["connectors"]["2"]["phases"] = 7
        d["connectors"]["1"]["meter"]["bus"] = "nowhere"
        d["readers"]["1"]["connectors"] = [9]
        d["extra"] = 1

    places = {(problem.section, problem.key) for problem in problems_of(broken(spoil))}
    assert places == {
        ("", "extra"),
        ("station", "identiy"),
        ("station", "identity"),
        ("central_system", "url"),
        ("connectors.2", "phases"),
        ("connectors.1.meter", "bus"),
        ("readers.1", "connectors"),
    }


def test_too_many_connectors_are_refused() -> None:
    document = valid()
    document["connectors"] = {str(number): document["connectors"]["1"] for number in range(1, 34)}
    assert (
        only(document)
        == 'station.toml: [connectors] 33: found "33", connectors must be numbered 1 to 32; example: [connectors.1]'
    )


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert in_file(tmp_path / "none.toml") == "there is no such file; name another one with --config FILE"
    assert in_file(tmp_path) == "this is a folder; name the file in it"


def test_a_file_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # root, as whom tests may run, is refused by no file
    assert in_file(Path("station.toml")) == (
        "this user may not read it; use sudo; for the service: sudo chgrp chargepoint station.toml, mode 640"
    )


def test_a_file_that_is_too_large_is_told(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    assert in_file(path) == "found more than 1 MiB, a configuration is far smaller"
