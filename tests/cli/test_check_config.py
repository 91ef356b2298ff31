"""`chargepoint check-config` and `chargepoint run`: every problem at once, remarks, a verdict; a wrong file starts nothing."""

import gc
import json
import pwd
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chargepoint.cli.main import main
from chargepoint.registry import check_file
from chargepoint.remarks import address, in_memory, settings_remarks
from chargepoint.settings import Settings, parse
from chargepoint.withheld import withheld
from tests.settings.documents import broken, toml, valid

ROOT = Path(__file__).parents[2]


def written(path: Path, change: Callable[[dict[str, Any]], Any]) -> str:
    path.write_text(toml(broken(change)), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.toml")), ids=lambda file: file.name)
def test_every_file_that_ships_is_fine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{file}: fine")
    virtual = 'driver = "virtual"' in file.read_text()
    assert any("virtual driver" in line for line in lines) is virtual, "the file's own warning holds"


def test_a_fine_file_is_told_in_two_lines(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = written(config, lambda d: d["central_system"].update(url="wss://cs.example.org/ocpp/"))
    assert main(["check-config", "--config", text]) == 0
    *_, would, verdict = capsys.readouterr().out.splitlines()
    assert would == "would connect to wss://cs.example.org/ocpp/CK_XXX_0001"
    assert verdict == f"{config}: fine, 1 remark"


def test_every_problem_is_told_and_the_verdict_is_last(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def spoil(d: dict[str, Any]) -> None:
        d["station"]["modell"] = d["station"].pop("model")
        d["connectors"]["1"]["contactor"]["conector"] = 1

    assert main(["check-config", "--config", written(config, spoil)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{config}: [station] modell: unknown key; did you mean model?",
        f"{config}: [station] model: found nothing, must be text in quotes, 1 to 20 characters",
        f"{config}: [connectors.1.contactor] conector: unknown key; did you mean connector? (left out)",
        f"{config}: 3 problems; the station would not start (exit status 78) for 2 of them",
    ]


WRONG_CONTACTOR = {"driver": "gpio", "pin": 99}


@pytest.mark.parametrize(
    ("change", "ends", "starts"),
    [
        (lambda d: d["connectors"]["1"].update(contactor=WRONG_CONTACTOR), "start without the parts that are left out", True),
        (lambda d: d["station"].pop("model"), "1 problem; the station would not start (exit status 78)", False),
        (lambda d: d.update(installer={"driver": "none"}), "1 problem; the station would not start (exit status 78)", False),
        (
            lambda d: [d["connectors"][number].update(contactor={"driver": "gpio", "pin": 17}) for number in "12"],
            "1 problem; the station would start without the parts that are left out",
            True,
        ),
    ],
)
def test_what_is_told_of_a_start_is_what_a_start_does(
    change: Callable[[dict[str, Any]], Any], ends: str, starts: bool, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-config", "--config", written(config, change)]) == 1
    line, *_, verdict = capsys.readouterr().out.splitlines()
    assert verdict.endswith(ends)
    assert main(["check-config", "--json", "--config", str(config)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["starts"] is starts
    assert [problem["stops"] for problem in document["problems"]] == [not starts]
    assert line == document["problems"][0]["text"] + (" (left out)" if starts else "")
    assert (check_file(config, starting=True).settings is not None) is starts


def test_programs_get_the_same_as_a_document(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--json", "--config", written(config, lambda d: d["station"].pop("model"))]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["connects_to"] is None
    (problem,) = document["problems"]
    assert (problem["section"], problem["key"], problem["file"]) == ("station", "model", str(config))
    assert problem["text"].endswith("must be text in quotes, 1 to 20 characters")
    written(config, lambda d: None)
    assert main(["check-config", "--json", "--config", str(config)]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(tmp_path / "no.toml")]) == 1
    assert "there is no such file" in capsys.readouterr().out


def test_without_any_file_the_usual_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARGEPOINT_CONFIG", raising=False)
    monkeypatch.setattr("chargepoint.cli.common.SYSTEM_CONFIG", tmp_path / "etc.toml")
    assert main(["check-config"]) == 2
    assert "make one with chargepoint setup, or name one with --config" in capsys.readouterr().err
    written(tmp_path / "chargepoint.toml", lambda d: None)
    assert main(["check-config"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("chargepoint.toml: fine")
    monkeypatch.setenv("CHARGEPOINT_CONFIG", written(tmp_path / "named.toml", lambda d: None))
    assert main(["check-config"]) == 0
    assert str(tmp_path / "named.toml") in capsys.readouterr().out


REMARKS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d["central_system"].update(url="ws://cs/ocpp/CK_XXX_0001"), "url ends with the identity already"),
    (lambda d: None, "authorization_key travels unencrypted over ws://"),
    (lambda d: d["central_system"].update(security_profile=2, authorization_key=""), "security_profile 2 needs an"),
    (lambda d: d["central_system"].update(security_profile=3), "security profile 3 needs a Central System root certificate"),
    (lambda d: d["connectors"]["2"].pop("lock"), "[connectors.2] is a socket without a lock"),
    (lambda d: d["connectors"]["2"].update(current_a_max=80), "[connectors.2] current_a_max 80 A is above"),
    (
        lambda d: d["connectors"]["2"]["meter"].update(unit_id=1),
        "[connectors.2] meter is the very same as that of [connectors.1]",
    ),
    (lambda d: d["station"].update(identity="CK 1"), '[station] identity "CK 1" has a blank or sign that many'),
    (lambda d: None, "6 parts of connectors use the virtual driver"),
]


@pytest.mark.parametrize(("change", "remark"), REMARKS, ids=[remark for _, remark in REMARKS])
def test_what_is_worth_a_look_is_remarked(change: Callable[[dict[str, Any]], Any], remark: str) -> None:
    remarks = settings_remarks(parse(broken(change)))
    assert sum(remark in text for text in remarks) == 1
    assert not any(remark in text for text in settings_remarks(parse(quiet(valid()))))


def test_a_certificate_that_cannot_be_used_is_remarked(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("no certificate")

    def change(d: dict[str, Any]) -> None:
        d["security"] = {"central_system_root": "root.pem"}

    document = quiet(broken(change))
    (remark,) = settings_remarks(parse(document, folder=tmp_path))
    assert "central_system_root" in remark
    assert "cannot be used" in remark


def quiet(document: dict[str, Any]) -> dict[str, Any]:
    """A document with nothing to remark on."""
    document["central_system"]["url"] = "wss://cs/ocpp"
    for connector in document["connectors"].values():
        for part in ("contactor", "pilot", "lock"):
            connector[part]["driver"] = "gpio"
    return document


def test_a_file_with_nothing_to_remark_on_has_no_remark() -> None:
    assert settings_remarks(parse(quiet(valid()))) == []


@pytest.mark.parametrize(
    ("url", "identity", "profile", "dialled"),
    [
        ("ws://cs/ocpp", "CK1", 0, "ws://cs/ocpp/CK1"),
        ("ws://cs/ocpp/", "Säule 1/2", 0, "ws://cs/ocpp/S%C3%A4ule%201%2F2"),
        ("ws://cs/ocpp", "CK1", 2, "wss://cs/ocpp/CK1"),
    ],
)
def test_the_address_that_would_be_dialled(url: str, identity: str, profile: int, dialled: str) -> None:
    def change(d: dict[str, Any]) -> None:
        d["central_system"].update(url=url, security_profile=profile)
        d["station"].update(identity=identity)

    assert address(parse(broken(change))) == dialled


def test_run_starts_nothing_with_a_wrong_file(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "chargepoint.shell.service", None)  # importing it would raise
    assert main(["run", "--config", written(config, lambda d: d["station"].pop("model"))]) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "chargepoint run: not started, the configuration has 1 problem(s)"
    assert "[station] model: found nothing" in told.err


def test_run_hands_a_right_file_to_the_service(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Settings] = []
    service = ModuleType("chargepoint.shell.service")

    def serve(settings: Settings, started: Callable[[], None], path: Path, refused: Mapping[str, str]) -> int:
        assert (path, refused) == (config, {})
        given.append(settings)
        assert not gc.isenabled()  # nothing that a start loads is garbage
        started()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        gc.unfreeze()
        return 17

    service.__dict__["main"] = serve
    monkeypatch.setitem(sys.modules, "chargepoint.shell.service", service)
    assert main(["run", "--config", str(config)]) == 17
    assert given[0].station.state_dir == str(config.parent / "state")


MOUNTS = """\
22 1 179:2 / / rw - {root}
23 22 179:3 / /var/lib/chargepoint rw - ext4 /dev/mmcblk0p3 rw
24 22 0:20 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=1k
25 22 0:30 / /media/root-rw rw - tmpfs tmpfs-root rw
"""


@pytest.mark.parametrize(
    ("root", "path", "lost"),
    [
        ("ext4 /dev/mmcblk0p2 rw", "/var/lib/other", False),
        ("tmpfs none rw", "/var/lib/other", True),
        ("overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay", "/var/lib/other", True),
        ("overlay overlay rw,lowerdir=/a:/b,upperdir=/not/seen/from/here", "/var/lib/other", False),
        ("overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay", "/var/lib/chargepoint", False),
        ("ext4 /dev/mmcblk0p2 rw", "/run/chargepoint", True),
    ],
)
def test_a_state_folder_in_memory_is_known(root: str, path: str, lost: bool) -> None:
    assert in_memory(Path(path), MOUNTS.format(root=root)) is lost


def test_metrics_for_everybody_are_worth_a_remark() -> None:
    def remarks(listen: str) -> list[str]:
        document = broken(lambda d: d.update(metrics={"listen": listen}))
        return [remark for remark in settings_remarks(parse(document)) if "[metrics]" in remark]

    assert remarks("127.0.0.1:9816") == []
    assert remarks("[::1]:9816") == []
    assert "there is no password" in remarks("0.0.0.0:9816")[0]


@pytest.mark.parametrize(
    ("mode", "theirs", "fine"),
    [(0o600, False, False), (0o640, False, False), (0o640, True, True), (0o604, False, True), (0o604, True, False)],
)
def test_a_file_that_the_service_may_not_read_is_told_to_root_too(
    mode: int, theirs: bool, fine: bool, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy by sudo is root's alone: root finds it fine, and the station does not start."""
    config.chmod(mode)
    info = config.stat()
    service = pwd.struct_passwd(("station", "x", info.st_uid + 1, info.st_gid + (0 if theirs else 1), "", "/", "/"))
    monkeypatch.setattr(pwd, "getpwnam", {"station": service}.__getitem__)
    told = [str(one) for one in withheld(config, None, folder=config.parent, user="station")]
    mended = f"{config}: the service's user, station, may not read it; sudo chgrp station {config}; sudo chmod 640 {config}"
    assert told == ([] if fine else [mended])
    monkeypatch.setattr(withheld, "__kwdefaults__", {"folder": config.parent, "user": "station"})
    assert main(["check-config", "--config", str(config)]) == (0 if fine else 1)
    assert ("sudo chgrp station" in capsys.readouterr().out) is not fine
    assert main(["doctor", "--config", str(config), "--only", "config"]) == (0 if fine else 1)
    assert ("-> sudo chgrp station" in capsys.readouterr().out) is not fine
