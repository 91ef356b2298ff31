"""`chargepoint support`: what is in the archive, what is never in it, and that a look writes nothing."""

import base64
import json
import os
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chargepoint.cli.main import main
from chargepoint.core.records import PutKey
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.security_records import PutSecurityEvent, SecurityEventRecord
from tests.cli.conftest import Service
from tests.cli.stores import EPOCH_S, keep, keep_dead_letters, keep_sessions, session
from tests.cli.test_doctor import HEALTHY
from tests.settings.documents import toml, valid

PASSWORD = "Sesame+open/1"
KEY = PASSWORD.encode().hex()
STORED = "AB12CD34EF56"  # set by the Central System since
BUS_PASSWORD = 'over "the" wire ß'
URL_PASSWORD = "in-the-url-77"
MISPLACED = "under-a-name-that-is-none"
BESIDE = "77665544332211AA"
CARD = "04A2B3C4D5E6F7"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFsecretsecret\n-----END EC PRIVATE KEY-----\n"
SECRETS = (PASSWORD, KEY, STORED, BUS_PASSWORD, URL_PASSWORD, MISPLACED, BESIDE, CARD, "MHcCAQEEIF", "ß")
PROOF = base64.b64encode(f"CK_XXX_0001:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system's journal to which somebody has written the key in every way; stories may write more."""
    said = tmp_path / "said"
    forms = [form for one in (PASSWORD, KEY) for form in (one, one.lower(), quote(one, safe=""), json.dumps(one))]
    said.write_text("\n".join([*forms, f"Basic {PROOF}", PEM, "the last line\n"]))
    script = tmp_path / "bin" / "journalctl"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@"\nexec cat {said}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return said


def writes(journal: Path, *lines: str) -> None:
    with journal.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def with_secrets(config: Path, **central: Any) -> None:
    document = valid()
    document["central_system"] |= {"url": f"ws://user:{URL_PASSWORD}@cs.example.org/ocpp", "authorization_key": KEY, **central}
    config.write_text(f"# the old one was {MISPLACED}\n" + toml(document))


def held(path: Path) -> dict[str, str]:
    """The files of an archive by their names."""
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert {name.partition("/")[0] for name in names} == {os.path.commonpath(names)}
        return {name.rpartition("/")[2]: archive.extractfile(name).read().decode() for name in names}  # type: ignore[union-attr]


def assert_no_secret(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        for secret in (*SECRETS, PROOF, quote(PASSWORD, safe="")):
            for form in (secret, json.dumps(secret)[1:-1], secret.encode().hex()):
                assert form.lower() not in text.lower(), (name, form)


def made(config: Path, *more: str) -> dict[str, str]:
    target = config.parent / "out.tar.gz"
    assert main(["support", "--config", str(config), "--no-doctor", *more, str(target)]) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    return held(target)


def test_a_stopped_station_is_told_as_far_as_it_can_be_and_no_secret_with_it(
    config: Path, journalctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_secrets(config)
    writes(journalctl, STORED, STORED.lower(), bytes.fromhex(STORED).decode("latin-1"))
    told = PutSecurityEvent(
        SecurityEventRecord(
            seq=1, event=SecurityEvent.InvalidMessages, boot=1, mono_s=1.0, offset_s=EPOCH_S, info=f"{STORED} came"
        )
    )
    keep_dead_letters(config.parent / "state")
    keep(config.parent / "state", PutKey("AuthorizationKey", STORED), told)
    texts = made(config)
    assert_no_secret(texts)
    assert "InvalidMessages" in texts["security.csv"]
    assert texts["dead_letters.csv"].count("StartTransaction") == 1
    assert "the last line" in texts["journal.txt"]
    assert "--unit=chargepoint*" in texts["journal.txt"]
    assert json.loads(texts["versions.json"])["python"]
    assert any("the service does not run" in remark for remark in json.loads(texts["manifest.json"])["remarks"])
    assert "left out: the service does not run" in capsys.readouterr().out


@pytest.mark.parametrize("key", [KEY, "00FF80C3A9E1"])
def test_a_key_goes_however_it_was_printed(config: Path, journalctl: Path, key: str) -> None:
    with_secrets(config, authorization_key=key)
    raw = bytes.fromhex(key)
    forms = [repr(raw), repr(raw)[2:-1], repr(list(raw)), repr(raw.decode("latin-1")), f"CK_XXX_0001:{raw!r}"]
    forms += [raw.hex(" "), raw.hex(":").upper(), raw.hex("-"), base64.urlsafe_b64encode(raw).decode()]
    writes(journalctl, *(f"<{form}>" for form in forms))
    told = made(config)["journal.txt"].splitlines()[-len(forms) :]
    assert [form for form, line in zip(forms, told, strict=True) if "***" not in line or form[3:-3] in line] == []


def test_a_wrong_file_gives_its_problems_and_no_secret(config: Path, journalctl: Path) -> None:
    (config.parent / "key").write_text(BESIDE)
    with_secrets(config, authorization_kee=MISPLACED, authorization_key_file="key", nested={"password": BUS_PASSWORD})
    writes(journalctl, BESIDE, BUS_PASSWORD, json.dumps(BUS_PASSWORD))
    texts = made(config)
    assert_no_secret(texts)
    configuration = json.loads(texts["configuration.json"])
    assert configuration["settings"]["station"]["identity"] == "CK_XXX_0001"
    assert any("authorization_kee" in problem for problem in configuration["problems"])
    assert any(remark.startswith("no settings: ") for remark in json.loads(texts["manifest.json"])["remarks"])


def test_a_file_that_is_not_there_is_named(config: Path, journalctl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journalctl.write_text("")
    config.unlink()
    assert main(["support", "--preview", "--no-doctor", "--config", str(config)]) == 0
    assert f"left out: no settings: {config}" in capsys.readouterr().out


def test_of_a_file_that_cannot_be_read_there_is_the_place_where(config: Path, journalctl: Path) -> None:
    journalctl.write_text("")
    config.write_text(f"[central_system]\nauthorization_key = {KEY}\n# {MISPLACED}\n")
    texts = made(config)
    assert_no_secret(texts)
    assert "line 2" in texts["configuration.json"]


def test_a_running_service_is_asked_and_examined(service: Service, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_secrets(config)
    row = {"key": 1, "id_tag": CARD, "started": None}
    service.answers = HEALTHY | {
        "get_settings": {"keys": [{"key": "HeartbeatInterval", "value": "300"}]},
        "log": {"lines": [f"2026-11-22T12:00:00.000Z INFO    dials ws://user:{URL_PASSWORD}@cs with {KEY} and {PROOF}"]},
        "ledger": {"sessions": [row]},
        "dead_letters": {"dead_letters": [row]},
        "security_log": {"events": [{"seq": 1, "time": None, "event": "InvalidMessages", "info": PASSWORD}]},
        "journal": {"content": base64.b64encode(b"packed").decode(), "bytes": 6, "events": 1},
    }
    target = config.parent / "out.tar.gz"
    assert main(["support", "--config", str(config), "--recording", str(target)]) == 0
    texts = held(target)
    assert_no_secret(texts)
    assert json.loads(texts["doctor.json"])["verdict"].startswith(("all is well", "NOT WELL"))
    assert json.loads(texts["status.json"])["registration"] == "Accepted"
    assert texts["recording.jsonl.gz"] == "packed"
    assert "dials ws://***@cs with *** and ***" in texts["log.txt"]
    assert "••••••••••E6F7" in texts["ledger.csv"]
    assert f"written: {target}" in capsys.readouterr().out


def test_a_service_that_gives_no_answer_is_told_and_not_asked_again(service: Service, config: Path) -> None:
    service.answer = lambda _: None
    texts = made(config)
    remarks = json.loads(texts["manifest.json"])["remarks"]
    assert remarks[0].startswith("the running service gives no answer: the service closed the connection")
    assert [request["do"] for request in service.requests] == ["status"]
    assert "the last line" in texts["journal.txt"]


def test_a_look_names_every_file_with_its_size_and_writes_nothing(
    config: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_secrets(config)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    options = ["support", "--config", str(config), "--no-doctor"]
    assert main([*options, "--preview", "--json"]) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert told["file"] is None
    assert main([*options, "--preview"]) == 0
    text = capsysbinary.readouterr().out.decode()
    for member in told["members"]:
        assert f"{member['name']} " in text
        assert main([*options, "--show", member["name"]]) == 0
        shown = capsysbinary.readouterr().out
        assert abs(len(shown) - member["bytes"]) <= 16, "it is what was announced; some numbers have grown"
    assert "nothing was written" in text
    assert main([*options, "--show", "passwd"]) == 2
    assert b"there are status.json, " in capsysbinary.readouterr().err
    assert list((tmp_path / "here").iterdir()) == []
    assert main(options) == 0
    (written,) = (tmp_path / "here").iterdir()
    assert written.name.startswith("support-CK_XXX_0001-")


def test_nothing_is_written_over_or_half(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = config.parent / "out.tar.gz"
    options = ["support", "--config", str(config), "--no-doctor"]
    assert main([*options, "/no/such/folder/x.tar.gz"]) == 1
    assert "name another place" in capsys.readouterr().err

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("chargepoint.shell.diagnostics.pack", full)
        assert main([*options, str(target)]) == 1
    assert not target.exists()
    target.write_text("somebody's")
    assert main([*options, str(target)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert target.read_text() == "somebody's"
    assert main([*options, "--preview", str(target)]) == 2


def test_sessions_are_there_without_their_cards(config: Path) -> None:
    keep_sessions(config.parent / "state", session(1, id_tag=CARD))
    assert "••••••••••E6F7" in made(config)["ledger.csv"]
