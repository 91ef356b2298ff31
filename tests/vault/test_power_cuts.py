"""The power goes at every step to the disk: what is there afterwards is what was before, or all of what was to be."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chargepoint.core import vault_records as vr
from chargepoint.shell.vault import folder
from tests.vault.making import CENTRAL, Desk, issue, print_of, signed

pytestmark = pytest.mark.section("security 2.6")

ROOT = issue("Root", ca=True)
NEW_ROOT = issue("New", by=ROOT, ca=True)
STEPS_MAX = 40


class Dark(BaseException):
    """The power is gone."""


class Mains:
    """Goes before the step of this number; what the steps do is what a file system keeps after them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        for name in ("open", "fsync", "replace", "unlink", "fdopen", "mkdir"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if self.left == 0:
                raise Dark
            self.left -= 1
            return step(*arguments, **options)

        return counted

    def cut_before(self, number: int, act: Callable[[], Any]) -> bool:
        """True where the act came to its end first."""
        self.left = number
        try:
            act()
        except Dark:
            return False
        finally:
            self.left = -1
        return True


@pytest.fixture
def mains(monkeypatch: pytest.MonkeyPatch) -> Mains:
    return Mains(monkeypatch)


def through(mains: Mains, prepare: Callable[[int], Desk], act: Callable[[Desk], Any], look: Callable[[Desk], None]) -> int:
    """Every point at which the power can go in an act; how many there are."""
    for number in range(STEPS_MAX):
        desk = prepare(number)
        done = mains.cut_before(number, lambda desk=desk: act(desk))  # type: ignore[misc]
        look(desk)
        if done:
            return number
    raise AssertionError("the act has no end")


def loads(path: Path) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path)


def test_a_root_is_installed_or_not(tmp_path: Path, mains: Mains) -> None:
    old, new = print_of(ROOT), print_of(NEW_ROOT)

    def prepare(number: int) -> Desk:
        desk = Desk(tmp_path / str(number))
        assert desk.install(ROOT) == "Accepted"
        return desk

    def look(desk: Desk) -> None:
        assert desk.fingerprints() in ([old], [new, old])
        assert desk.contents().central_system_roots == len(desk.fingerprints())

    assert through(mains, prepare, lambda desk: desk.install(NEW_ROOT, signed_by_old=True), look) >= 4


def test_the_old_pair_stays_until_the_new_one_has_connected_and_no_key_is_lost(tmp_path: Path, mains: Mains) -> None:
    def request(desk: Desk) -> str:
        answer = desk.ask(vr.MakeRequest(common_name="CP-1", organization=""))
        assert isinstance(answer, vr.RequestMade)
        return answer.csr

    def with_pair(number: int) -> Desk:
        desk = Desk(tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}")
        desk.install(ROOT)
        assert desk.ask(vr.TakeChain(pem=signed(request(desk), ROOT).pem, size_max=10_000)).accepted
        desk.promote()
        return desk

    def pair_stays(desk: Desk) -> None:
        loads(desk.file(folder.CLIENT))
        for pair in folder.pairs(desk.places):
            loads(Path(pair.certificate_file))

    assert through(mains, with_pair, request, pair_stays) >= 4
    chains: dict[int, str] = {}

    def with_request(number: int) -> Desk:
        desk = with_pair(number)
        chains[id(desk)] = signed(request(desk), ROOT).pem
        return desk

    def take(desk: Desk) -> vr.ChainTaken:
        answer = desk.ask(vr.TakeChain(pem=chains[id(desk)], size_max=10_000))
        assert isinstance(answer, vr.ChainTaken)
        return answer

    def taken_or_can_be(desk: Desk) -> None:
        pair_stays(desk)
        if not any(pair.new for pair in folder.pairs(desk.places)):
            assert take(desk).accepted, "the key of the request is still there"
            pair_stays(desk)

    assert through(mains, with_request, take, taken_or_can_be) >= 5

    def with_new(number: int) -> Desk:
        desk = with_request(number)
        assert take(desk).accepted
        return desk

    assert through(mains, with_new, lambda desk: desk.promote(), pair_stays) >= 2


def test_a_deleted_root_is_deleted_or_not(tmp_path: Path, mains: Mains) -> None:
    (tmp_path / "root.pem").write_text(ROOT.pem)

    def prepare(number: int) -> Desk:
        return Desk(tmp_path / str(number), central_system_root=str(tmp_path / "root.pem"))

    def delete(desk: Desk) -> None:
        (data,) = desk.ask(vr.ListRoots(use=CENTRAL)).hashes
        assert desk.ask(vr.DeleteRoot(hash_data=data, keep_last=False)).status == "Accepted"

    def look(desk: Desk) -> None:
        assert desk.fingerprints() in ([], [print_of(ROOT)])

    assert through(mains, prepare, delete, look) >= 4
