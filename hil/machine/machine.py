"""Machine: one Debian in namespaces of its own, with systemd as its first process or with none. It shares the
network with its host.

Owns the life of its processes: `start`, `run`, `power_cut`, `stop`. A power cut kills every process in it at once; what was
written stays, as on a disk without a cache (what a cache may lose is `hil.disk`'s matter).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from hil.machine.roots import Unavailable

BOOT = Path(__file__).with_name("boot.sh")
BOOT_S = 30.0
COMMAND_S = 60.0
LOOK_AGAIN_S = 0.05


def own_cgroup(name: str) -> Path | None:
    """A new cgroup below that of this process, so that the services of two machines, which have the same names, are not in one
    another's. None where the host gives none.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [
        line.removeprefix("0::/") for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::/")
    ]
    place = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    if place is None or not inside:
        return None
    made = place / inside[0] / name
    try:
        made.mkdir()
    except OSError:
        return None
    return made


def remove_cgroup(folder: Path) -> None:
    """It and what is in it; its files go with it. Raises OSError where a process is still in it."""
    for inside in folder.iterdir():
        if inside.is_dir():
            remove_cgroup(inside)
    folder.rmdir()


class Machine:
    """lower: a root (`hil.machine.root`). binds: folders and files of the host by the place where the machine sees them.

    init: False gives one in which nothing runs but what `run` is told: the only kind that a foreign processor's root makes.
    """

    def __init__(self, lower: Path, binds: Mapping[str, Path] | None = None, *, init: bool = True) -> None:
        self._lower = lower
        self._binds = dict(binds or {})
        self._init = init
        shm = Path("/dev/shm")  # an overlay can be written on it whatever the host's own root is
        self._home = Path(tempfile.mkdtemp(prefix="machine-", dir=shm if shm.is_dir() else None))
        self._boot: subprocess.Popen[bytes] | None = None
        self._init_pid: int | None = None
        self._cgroup: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self, *, read_only: bool = False) -> None:
        """Until systemd says that everything has started. read_only: the root is mounted so. Raises Unavailable where this
        host cannot.
        """
        said = self._home / "boot.log"
        binds = [f"{host}:{inside}" for inside, host in self._binds.items()]
        self._cgroup = own_cgroup(self._home.name)
        command = [
            *(("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self._cgroup)) if self._cgroup else ()),
            "unshare",
            "--cgroup",
            "--mount",
            "--pid",
            "--fork",
            "--uts",
            "--ipc",
            "--kill-child",
            "--propagation=unchanged",
        ]
        how = ("systemd" if self._init else "none", "ro" if read_only else "rw")
        with said.open("ab") as log:
            self._boot = subprocess.Popen(
                [*command, str(BOOT), *how, str(self._lower), str(self._home / "disk"), *binds],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ends_s = time.monotonic() + BOOT_S
        state = ""
        while time.monotonic() < ends_s:
            if self._boot.poll() is not None:
                break
            state = self._state()
            if state in ("running", "degraded"):
                return
            time.sleep(LOOK_AGAIN_S)
        self.power_cut()
        raise Unavailable(f"the machine did not start (it said {state or 'nothing'}): {said.read_text()[-400:].strip()}")

    def run(self, *command: str, check: bool = True, timeout_s: float = COMMAND_S) -> subprocess.CompletedProcess[str]:
        """A command of the machine, as root. Raises CalledProcessError with what it said."""
        done = subprocess.run(
            self.inside(*command),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"
            )
        return done

    def inside(self, *command: str) -> list[str]:
        """A command of the machine as this host starts it: for whoever wants its terminal, too."""
        assert self._init_pid is not None, "the machine is off"
        enter = ["nsenter", f"--target={self._init_pid}", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--root", "--wd"]
        return [*enter, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TERM=dumb", *command]

    def path(self, inside: str) -> Path:
        """A place of the running machine, as its host sees it."""
        assert self._init_pid is not None, "the machine is off"
        return Path(f"/proc/{self._init_pid}/root") / inside.lstrip("/")

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout

    def power_cut(self) -> None:
        """Every process is gone at once; the disk stays."""
        if self._boot is None:
            return
        if self._init_pid is not None and self._boot.poll() is None:
            os.kill(self._init_pid, signal.SIGKILL)
        elif self._boot.poll() is None:
            self._boot.kill()
        self._boot.wait(COMMAND_S)
        self._boot = self._init_pid = None
        if self._cgroup is not None:
            with contextlib.suppress(OSError):  # a process of the host's that is still on its way out of it keeps it
                remove_cgroup(self._cgroup)

    def again(self) -> Self:
        """Another machine that begins with what this one's disk holds, and changes nothing of it; not started yet. This one is
        off, and stays off until the other one is gone.
        """
        assert self._boot is None, "the machine is on"
        upper = self._home / "disk" / "upper"
        return type(self)(Path(f"{upper}:{self._lower}"), self._binds, init=self._init)

    def stop(self) -> None:
        """A power cut, and the disk is thrown away."""
        self.power_cut()
        shutil.rmtree(self._home, ignore_errors=True)

    def _state(self) -> str:
        if self._init_pid is None:
            self._init_pid = self._child()
        if self._init_pid is None or not self.path("/run/machine-begins").exists():
            return ""
        if not self._init:
            return "running"
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def _child(self) -> int | None:
        """The first process of the new namespace: unshare's only child."""
        assert self._boot is not None
        children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children").read_text().split()
        return int(children[0]) if children else None
