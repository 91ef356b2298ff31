"""A package's life on one target: installed, run, upgraded, refused to go back, removed, purged.

Owns what must be true after each step. With systemd where the processor is this host's, else in a machine in which nothing runs
but what the story asks for: systemd does not start under an emulated processor.
"""

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from chargepoint.store.schema import STEPS
from hil.machine import Machine
from hil.packages.debs import Debs, machine, native

CONFIG = "/etc/chargepoint/chargepoint.toml"
DATABASE = "/var/lib/chargepoint/station.db"
EXAMPLES = "/usr/share/doc/chargepoint/examples"
STEP_S = 600.0  # an emulated processor is ten times slower
IMPORTS = Path(__file__).with_name("imports.py")
# The example that wants no hardware, with the service's own folder.
LAY = f"sed -e '/^state_dir/d' -e '/^\\[installer\\]/,/^$/d' {EXAMPLES}/simulated.toml > {CONFIG}"
# Without a service manager: as the unit does it.
RUN = f"""
install -d -o chargepoint -g chargepoint -m 750 /run/chargepoint
install -d -o chargepoint -g chargepoint -m 700 /var/lib/chargepoint
RUNTIME_DIRECTORY=/run/chargepoint setpriv --reuid chargepoint --regid chargepoint --init-groups \\
  chargepoint run --config {CONFIG} >/run/said 2>&1 &
station=$!
until chargepoint status --json 2>/dev/null; do
  kill -0 $station || {{ cat /run/said; exit 1; }}
  sleep 0.2
done
kill -TERM $station
wait $station
"""
BOOTS = "SELECT boot, kernel_boot_id, first_mono_s FROM boots"


class Broken(Exception):
    """A package does not do what it must; the text says what was seen."""


def asked_of(database: str, statement: str) -> str:
    """The command line that does it, and prints the rows as JSON."""
    program = f"import json, sqlite3; print(json.dumps(sqlite3.connect('{database}').execute('{statement}').fetchall()))"
    return f'python3 -c "{program}"'


class Life:
    """One target's story. say: gets each step's name, what was seen, and how long it took, seconds."""

    def __init__(self, debs: Debs, say: Callable[[str, str, float], None]) -> None:
        self._debs = debs
        self._say = say
        self._machine: Machine = machine(debs.target, debs.first.parent, init=True)
        self._systemd = native(debs.target)

    def play(self) -> None:
        """Raises Broken, or Unavailable."""
        try:
            self._machine.start()
            for step in (
                self.installs,
                self.tells_its_version,
                self.imports_everything,
                self.takes_the_examples,
                self.runs,
                self.upgrades,
                self.refuses_to_go_back,
                self.is_removed_and_keeps,
                self.is_purged,
            ):
                began_s = time.monotonic()
                seen = step()
                self._say(step.__name__.replace("_", " "), seen, time.monotonic() - began_s)
        except AssertionError as error:
            raise Broken(str(error)) from error
        finally:
            self._machine.stop()

    def installs(self) -> str:
        debs = self._debs
        said = self._sh(f"apt-get install -y --no-install-recommends {debs.seen(debs.first)} {debs.seen(debs.reader)}")
        assert "the station starts when there is" in said, said
        assert "byte code" not in said, said
        assert self._status() == f"installed {debs.version}", self._status()
        return "with systemd" if self._systemd else "without systemd, under an emulated processor"

    def tells_its_version(self) -> str:
        said = self._sh("chargepoint --version").strip()
        assert said.startswith(f"chargepoint {self._version(self._debs.version)}, Python {self._debs.target.python}."), said
        return said

    def imports_everything(self) -> str:
        """Every module that the package has, in the Python that it depends on."""
        counts = json.loads(self._sh(f"cd /tmp && python3 -EsP -c {shlex.quote(IMPORTS.read_text())}").splitlines()[-1])
        assert counts["bundled"] > 15, counts
        assert counts["own"] > 100, counts
        without = counts["without"]
        assert bool(without) == (not self._debs.target.has_lgpio_wheel), counts
        assert all(name.startswith("drivers.gpio") for name in without), counts
        lacking = f"; without python3-lgpio: {', '.join(without)}" if without else ""
        return f"{counts['bundled']} bundled, {counts['compiled']} compiled modules, {counts['own']} of its own{lacking}"

    def takes_the_examples(self) -> str:
        names = self._sh(f"ls {EXAMPLES}").split()
        for name in names:
            self._sh(f"chargepoint check-config --config {EXAMPLES}/{name}")
        self._sh(LAY)
        return ", ".join(names)

    def runs(self) -> str:
        if self._systemd:
            self._sh("systemctl start chargepoint && systemctl is-active chargepoint")
            status = json.loads(self._sh("chargepoint status --json"))
        else:
            status = json.loads(self._sh(RUN))
        assert len(status["connectors"]) == 2, status
        assert self._boots(), "it has written no database"
        return f"{len(status['connectors'])} connectors, link {status['link']['state']}"

    def upgrades(self) -> str:
        """With systemd: while it runs. What the database holds stays, and the new version goes on with it."""
        debs = self._debs
        before, digest = self._boots(), self._digest()
        self._sh(f"apt-get install -y --no-install-recommends {debs.seen(debs.following)}")
        assert self._status() == f"installed {debs.next_version}", self._status()
        if self._systemd:
            self._sh("systemctl is-active chargepoint")
        else:
            assert self._digest() == digest, "the upgrade changed the database"
            self._sh(RUN)
        after = self._boots()
        assert after[: len(before)] == before, f"the database was not kept: {before} before, {after} after"
        return f"{debs.version} to {debs.next_version}; the database was kept"

    def refuses_to_go_back(self) -> str:
        debs = self._debs
        if self._systemd:
            self._sh("systemctl stop chargepoint")
        self._sh(asked_of(DATABASE, "PRAGMA user_version = 99"))
        said = self._sh(f"dpkg --install {debs.seen(debs.first)}", check=False)
        assert "older than the station's database" in said, said
        assert self._status() == f"installed {debs.next_version}", self._status()
        self._sh(asked_of(DATABASE, f"PRAGMA user_version = {len(STEPS)}"))
        if self._systemd:
            self._sh(f"chown chargepoint: {DATABASE}* && systemctl restart chargepoint && systemctl is-active chargepoint")
        return "in words, and nothing was changed"

    def is_removed_and_keeps(self) -> str:
        before = self._boots()
        self._sh("apt-get remove -y chargepoint")
        assert self._status() in ("config-files ", f"config-files {self._debs.next_version}"), self._status()
        self._sh(f"test -e {CONFIG} && ! test -e /usr/bin/chargepoint")
        assert self._boots()[: len(before)] == before, "the database went with the program"
        return "settings and database"

    def is_purged(self) -> str:
        self._sh("apt-get purge -y chargepoint chargepoint-mfrc522")
        self._sh("! test -e /etc/chargepoint && ! test -e /var/lib/chargepoint && ! test -e /usr/lib/chargepoint")
        left = self._sh("find /etc/systemd /usr/lib/systemd /lib/systemd -name 'chargepoint*'")
        assert not left, f"it left {left}"
        return "nothing is left"

    def _sh(self, line: str, *, check: bool = True) -> str:
        return self._machine.run("sh", "-c", f"exec 2>&1; {line}", check=check, timeout_s=STEP_S).stdout

    def _status(self) -> str:
        return self._sh("dpkg-query --show --showformat='${db:Status-Status} ${Version}' chargepoint", check=False)

    def _boots(self) -> list[object]:
        """Who had the database, by its own book: looked at in a copy, for a look writes beside it."""
        aside = "rm -rf /run/aside && cp -a /var/lib/chargepoint /run/aside"
        return list(json.loads(self._sh(f"{aside} && {asked_of('/run/aside/station.db', BOOTS)}")))

    def _digest(self) -> str:
        return self._sh(f"sha256sum {DATABASE}*")

    @staticmethod
    def _version(full: str) -> str:
        return full.partition("+")[0]
