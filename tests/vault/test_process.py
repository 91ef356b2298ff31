"""The vault beside the event loop: its process, its order, its bounds, and an answer whatever breaks."""

import asyncio
import sys
from pathlib import Path

import pytest

from chargepoint.core import vault_records as vr
from chargepoint.core.effects import AskVault
from chargepoint.core.events import Event, VaultAnswered, VaultSeen
from chargepoint.shell.vault import vault as vaults
from chargepoint.shell.vault.vault import Vault
from tests.shell.fakes import until
from tests.vault.making import CENTRAL, NOW, Desk, issue

pytestmark = pytest.mark.section("security 2.6")

ROOT = issue("Root", ca=True)


class Box:
    def __init__(self, path: Path, **named: str) -> None:
        self.desk = Desk(path, **named)
        self.events: list[Event] = []
        self.vault = Vault(self.desk.places, self.desk.image, NOW.timestamp, self.events.append)

    def answers(self) -> list[VaultAnswered]:
        return [event for event in self.events if isinstance(event, VaultAnswered)]


def install(key: str) -> AskVault:
    return AskVault(key, vr.InstallRoot(use=CENTRAL, pem=ROOT.pem, length_max=5))


async def test_what_it_does_is_done_in_order_and_told_before_the_answer(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.vault.start()
    box.vault.perform(install("a"))
    box.vault.perform(AskVault("b", vr.ListRoots(use=CENTRAL)))
    await until(lambda: len(box.answers()) == 2, f"{box.events}")
    assert [type(event) for event in box.events] == [VaultSeen, VaultSeen, VaultAnswered, VaultAnswered]
    assert [event.contents.central_system_roots for event in box.events if isinstance(event, VaultSeen)] == [0, 1]
    assert [event.key for event in box.answers()] == ["a", "b"]
    assert isinstance(box.answers()[0].answer, vr.RootInstalled)
    assert len(box.answers()[1].answer.hashes) == 1  # type: ignore[union-attr]
    await box.vault.stop()


async def test_the_station_itself_never_loads_the_library(tmp_path: Path) -> None:
    check = "import sys, chargepoint.shell.service; sys.exit('cryptography' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", check)
    assert await process.wait() == 0


async def test_a_station_without_certificates_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none)
    box = Box(tmp_path)
    box.vault.start()
    await until(lambda: box.events)
    assert box.events == [VaultSeen(vr.VaultContents())]


@pytest.mark.parametrize("trouble", ["no cryptography", "no process", "broken process"])
async def test_whatever_breaks_the_answer_trusts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    box = Box(tmp_path)
    if trouble == "no cryptography":
        monkeypatch.setattr(vaults, "find_spec", lambda name: None)
    elif trouble == "no process":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    else:
        monkeypatch.setattr(sys, "executable", "/bin/false")
    box.vault.perform(install("a"))
    box.vault.perform(AskVault("b", vr.CheckFirmwareSignature(pem=ROOT.pem, signature="")))
    await until(lambda: len(box.answers()) == 2)
    first, second = (event.answer for event in box.answers())
    assert isinstance(first, vr.RootInstalled)
    assert first.status == "Failed"
    assert isinstance(second, vr.FirmwareSignatureChecked)
    assert not second.valid
    assert box.desk.fingerprints() == []


async def test_more_than_can_wait_is_refused_at_once(tmp_path: Path) -> None:
    box = Box(tmp_path)
    for number in range(vaults.WAITING_MAX + 1):
        box.vault.perform(install(str(number)))
    (refused,) = box.answers()
    assert refused.key == str(vaults.WAITING_MAX)
    assert refused.answer.status == "Failed"  # type: ignore[union-attr]
    await box.vault.stop()


async def test_stopping_ends_the_process_and_leaves_whole_files(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.vault.perform(AskVault("a", vr.MakeRequest(common_name="CP", organization="", key_type="RSA-3072")))
    await asyncio.sleep(0.05)
    await box.vault.stop()
    assert box.answers() == []
    assert box.desk.files() <= {"request.pem", "request.pem.new"}


async def test_files_that_are_open_to_others_are_closed_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    box = Box(tmp_path)
    box.desk.install(ROOT)
    file = box.desk.file("roots.json")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    box.vault.start()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert len([record for record in caplog.records if "was open to others" in record.getMessage()]) == 2
    await box.vault.stop()
