"""No recording tells a key or a password, and a replay goes on as if it did."""

import gzip
import json
from pathlib import Path

import pytest

from chargepoint.core import events as ev
from chargepoint.journal import Recorder
from chargepoint.journal.secrets import Blanker
from tests.core.harness import World
from tests.journal.recorded import replayed, with_recorder, written

KEY = "00112233445566778899aabbccddeeff"
LATER = "ffeeddccbbaa99887766554433221100"
ODD = "my long secret, not hexadecimal"
USER, PASSWORD, SIGNATURE = "depot-user", "p4ss-W0rd", "sig=6f1e99aa&x=1"
URL = f"ftp://{USER}:{PASSWORD}@files.example.org/in?{SIGNATURE}"
SECRETS = (KEY, LATER, ODD, USER, PASSWORD, "6f1e99aa")


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def test_keys_and_passwords_are_nowhere_and_the_replay_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World(keys={"AuthorizationKey": KEY}, can_install=True)
    assert world.call("ChangeConfiguration", key="authorizationKEY", value=LATER) == {"status": "Accepted"}
    assert world.call("ChangeConfiguration", key="AuthorizationKey", value=ODD) == {"status": "Rejected"}
    if not world.up:
        world.connect()
    world.control("set_setting", name="AuthorizationKey", value=KEY)
    if not world.up:
        world.connect()
    world.call("GetDiagnostics", location=URL)
    world.call("UpdateFirmware", location=URL, retrieveDate="2026-01-05T11:00:00Z")
    world.call("GetConfiguration", key=["AuthorizationKey", "HeartbeatInterval"])
    for message_id in ("esc", "cut"):
        world.wire.asked(message_id, "ChangeConfiguration")
    world.receive('[2,"esc","ChangeConfiguration",{"key":"Authorization\\u004bey","value":"' + LATER + '"}]')
    world.receive('[2,"cut","ChangeConfiguration",{"key":"AuthorizationKey","value":"' + KEY)
    world.ask("GetDiagnostics", {"location": URL.replace("/", "\\/")})
    world.restart()
    world.advance(400)
    path = written(beside, tmp_path)
    text = text_of(path)
    assert [secret for secret in SECRETS if secret in text] == []
    assert "files.example.org" in text
    assert "AuthorizationKey" in text
    outcome = replayed(path)
    assert outcome.difference is None
    assert outcome.gaps == ()


def test_a_state_in_the_middle_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(keys={"AuthorizationKey": KEY}, can_install=True)
    world.call("UpdateFirmware", location=URL, retrieveDate="2026-01-05T18:00:00Z")
    beside = Recorder()
    beside.begin(world.station, world.site)
    text = text_of(written(beside, tmp_path))
    assert "retrieve_at_s" in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_secret_in_the_id_tag_of_a_session_is_in_no_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(keys={"LocalPreAuthorize": "true"})
    world.plug(1)
    world.tap("x://joe:SECRET@y")
    beside = Recorder()
    beside.begin(world.station, world.site)
    text = text_of(written(beside, tmp_path))
    assert "TransactionRecord" in text
    assert "x://" in text
    assert "SECRET" not in text


@pytest.mark.parametrize("key", ["AB", "0" * 40, "G", "", "ab cd"])
def test_a_blanked_key_has_the_shape_of_the_key(key: str) -> None:
    """Whatever the core checks of a key, it comes to the same verdict."""
    blanked = Blanker(b"salt").value({"key": "AuthorizationKey", "value": key})["value"]
    assert len(blanked) == len(key)
    for one, other in zip(key, blanked, strict=True):
        assert (one in "0123456789abcdefABCDEF") == (other in "0123456789abcdef")
        assert one.isalnum() == other.isalnum()


def test_the_same_secret_is_the_same_and_another_another() -> None:
    blanker = Blanker(b"salt")
    first, second, third = (blanker.value({"authorization_key": key})["authorization_key"] for key in (KEY, KEY, LATER))
    assert first == second != third
    assert Blanker(b"another").value({"authorization_key": KEY})["authorization_key"] != first


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ws://cs.example.org/CP1", "ws://cs.example.org/CP1"),
        ("https://h/p@th", "https://h/p@th"),
        ("no url: 5:/x", "no url: 5:/x"),
    ],
)
def test_what_is_no_secret_stays(text: str, shown: str) -> None:
    assert Blanker(b"salt").value([text, 1, None])[0] == shown


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://{USER}:{PASSWORD}@h",
        f"ftp:\\/\\/{USER}:{PASSWORD}@h\\/x",
        f"see https://{USER}:p@{PASSWORD}@h/x?{SIGNATURE} there",
    ],
)
def test_a_url_keeps_its_place_only(text: str) -> None:
    shown = Blanker(b"salt").value(text)
    assert [secret for secret in SECRETS if secret in shown] == []
    assert len(shown) == len(text)
    assert "@h" in shown


def test_lines_without_secrets_are_not_touched() -> None:
    lines = [json.dumps([1.0, None, {"type": "Tick"}, []]).encode(), b'[2.50,null,{"type":"LinkUp","url":"ws://a/b"},[]]']
    assert Blanker(b"salt").lines(lines) == b"\n".join(lines) + b"\n"


def test_an_event_of_the_control_socket_is_blanked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Recorder()
    with_recorder(monkeypatch, beside)
    world = World()
    world.deliver(ev.ControlAsked(1, "set_setting", {"value": LATER, "name": "AuthorizationKey"}))
    path = written(beside, tmp_path)
    assert LATER not in text_of(path)
    assert replayed(path).difference is None
