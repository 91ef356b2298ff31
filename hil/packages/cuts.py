"""The power goes while dpkg works: at chosen steps every process dies at once, and the machine must come back.

Owns which steps are chosen, and what must be true afterwards: the database is untouched at any moment; the way back is our
own boot's (`install-image` for an upgrade, the unit of script/image for the first installation), or, once everything is
unpacked, `dpkg --configure` alone. What a disk's cache may lose is not played here: dpkg flushes files before it renames them.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from distribution.image import PACKAGES, UNIT
from hil.machine import Machine, Unavailable
from hil.packages.debs import SEEN_AT, Debs, machine
from hil.packages.story import CONFIG, DATABASE, LAY, RUN, STEP_S, Broken

SOURCE = Path(__file__).with_name("cutter.c")
LIBRARY = "cutter.so"
LOG = "/run/steps"
FIRMWARE = "/var/lib/chargepoint/firmware"
LEFT = "find /usr /etc -name '*.dpkg-new' -o -name '*.dpkg-tmp'"
WANTED = "/etc/systemd/system/multi-user.target.wants/chargepoint.service"
GOOD = "installed ok"
GONE = "not-installed ok"
NEEDS_THE_PACKAGE = "reinstreq"  # dpkg(1), package flags: unpacking was cut, and only the package itself can mend that


def chosen(steps: Sequence[str], at_most: int) -> list[int]:
    """Numbers from 1 of the steps to cut at: of every stretch of equal work (program and call) the first, the middle and the
    last; evenly fewer where these are more than at_most.
    """
    numbers: set[int] = set()
    for _, stretch in groupby(enumerate(steps, 1), key=lambda step: step[1].split()[:2]):
        known = [number for number, _ in stretch]
        numbers |= {known[0], known[len(known) // 2], known[-1]}
    every = sorted(numbers)
    if len(every) <= at_most:
        return every
    return [every[round(index * (len(every) - 1) / (at_most - 1))] for index in range(at_most)]


class _Way(NamedTuple):
    """install: what is cut. come_back: what the next boot does. version: that is there then. configured: a station was."""

    install: str
    come_back: str
    version: str
    configured: bool


class Cuts:
    """One target's. Needs a C compiler; raises Unavailable where there is none."""

    def __init__(self, debs: Debs, say: Callable[[str, str, float], None], at_most: int) -> None:
        self._debs = debs
        self._say = say
        self._at_most = at_most
        self._library(debs.first.parent / LIBRARY)

    def play(self) -> None:
        """Raises Broken, or Unavailable."""
        debs = self._debs
        with machine(debs.target, debs.first.parent, init=False) as prepared:
            _sh(prepared, f"mkdir {PACKAGES} && cp {debs.seen(debs.first)} {debs.seen(debs.reader)} {PACKAGES}")
            self._series(prepared, "first installation", first_installation(debs))
            _sh(prepared, f"dpkg --install {PACKAGES}/*.deb && rm -r {PACKAGES} && {LAY}")
            _sh(prepared, RUN)
            _sh(prepared, f"install -d -o chargepoint -g chargepoint {FIRMWARE}")
            _sh(prepared, f"cp {debs.seen(debs.following)} {FIRMWARE}/image && touch {FIRMWARE}/install.request")
            self._series(prepared, "upgrade", upgrade(debs))

    def _series(self, prepared: Machine, name: str, way: _Way) -> None:
        began_s = time.monotonic()
        prepared.power_cut()
        steps = self._steps(prepared, way)
        numbers, states = chosen(steps, self._at_most), dict[str, int]()
        for number in numbers:
            try:
                state = self._cut(prepared, way, number)
            except AssertionError as error:
                raise Broken(f"{name}, cut at step {number} of {len(steps)} ({steps[number - 1]}): {error}") from error
            states[state] = states.get(state, 0) + 1
        prepared.start()
        seen = ", ".join(f'{count} left it "{state}"' for state, count in states.items())
        self._say(f"cuts: {name}", f"{len(numbers)} of {len(steps)} steps; {seen}; all came back", time.monotonic() - began_s)

    def _steps(self, prepared: Machine, way: _Way) -> list[str]:
        with prepared.again() as one:
            _sh(one, _watched(way.install))
            return [line.rstrip() for line in _sh(one, f"cat {LOG}").splitlines()]

    def _cut(self, prepared: Machine, way: _Way, number: int) -> str:
        """The state that it left behind."""
        with prepared.again() as one:
            before = _sh(one, f"sha256sum {DATABASE}*", check=False)
            _sh(one, _watched(way.install, number), check=False)
            assert len(_sh(one, f"cat {LOG}").splitlines()) == number, "it was not cut there"
            state = _state(one)
            if state != GONE and NEEDS_THE_PACKAGE not in state:
                _sh(one, "dpkg --configure --pending")
                assert _state(one) == GOOD, f"dpkg --configure does not help: {state}, then {_state(one)}"
            assert _sh(one, f"sha256sum {DATABASE}*", check=False) == before, "the database was touched"
            said = _sh(one, way.come_back, check=False)
            assert _state(one) == GOOD, said
            assert _version(one) == way.version, f"{_version(one)}: {said}"
            assert _sh(one, f"sha256sum {DATABASE}*", check=False) == before, "the way back touched the database"
            _sh(one, f"chargepoint --version && test -L {WANTED} && dpkg --verify chargepoint")
            assert not (left := _sh(one, LEFT)), f"it left {left}"
            if way.configured:
                _sh(one, f"chargepoint check-config --config {CONFIG} && test ! -e {FIRMWARE}/install.request")
            return state

    @staticmethod
    def _library(made: Path) -> None:
        command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(made), str(SOURCE), "-ldl"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            raise Unavailable("a C compiler is missing: apt-get install gcc libc6-dev") from None


def first_installation(debs: Debs) -> _Way:
    """The unit's file is the truth of what it does."""
    lines = [line.partition("=") for line in UNIT.read_text().splitlines() if line.startswith(("ExecStartPre=", "ExecStart="))]
    come_back = " && ".join(
        f"{{ {text[1:]} || true; }}" if text.startswith("-") else text.replace("$$", "$") for _, _, text in lines
    )
    return _Way(f"dpkg --install {PACKAGES}/*.deb", come_back, debs.version, configured=False)


def upgrade(debs: Debs) -> _Way:
    come_back = "mkdir -p /run/chargepoint-install; /usr/lib/chargepoint/install-image"
    return _Way(f"dpkg --install --force-confold {FIRMWARE}/image", come_back, debs.next_version, configured=True)


def _watched(command: str, cut_at: int | None = None) -> str:
    at = f"export CUT_AT={cut_at}; " if cut_at is not None else ""
    return f"{at}export CUT_LOG={LOG} LD_PRELOAD={SEEN_AT}/{LIBRARY}; {command}"


def _sh(one: Machine, line: str, *, check: bool = True) -> str:
    return one.run("sh", "-c", f"exec 2>&1; {line}", check=check, timeout_s=STEP_S).stdout


def _state(one: Machine) -> str:
    words = "dpkg-query --show --showformat='${db:Status-Status} ${db:Status-Eflag}' chargepoint 2>/dev/null"
    return _sh(one, words, check=False) or GONE


def _version(one: Machine) -> str:
    return _sh(one, "dpkg-query --show --showformat='${Version}' chargepoint")
