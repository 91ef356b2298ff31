"""Another process of this program: it is the one that runs, wherever it lies and wherever somebody stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from chargepoint.processes import command, environment

ROOT = Path(__file__).parents[2]
# As the package's launcher does it: only this process is told where the modules are.
LAUNCHED = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from chargepoint.processes import command, environment
sys.exit(subprocess.run(command("setup", "--answers-template"), env=environment()).returncode)
"""


def test_it_finds_the_modules_that_a_launcher_has_found_and_none_of_the_folder_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "chargepoint").mkdir()
    (tmp_path / "chargepoint" / "__init__.py").write_text("raise SystemExit('somebody else')")
    launch = [sys.executable, "-EsP", "-c", LAUNCHED, str(ROOT)]
    done = subprocess.run(launch, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "identity" in done.stdout


def test_only_what_is_named_is_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_THING", "x")
    monkeypatch.setenv("TZ", "UTC")
    assert set(environment(("TZ", "NOT_THERE"))) == {"TZ", "PYTHONPATH"}
    assert environment()["SECRET_THING"] == "x"
    assert command("status", module="other")[-3:] == ("-m", "other", "status")
