"""script/audit: what it says and with which exit status, with a pip-audit that is none."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CLEAN = [{"name": "msgspec", "version": "1", "vulns": []}]
HOLE = {"id": "PYSEC-1", "fix_versions": ["2"]}


def audit(folder: Path, told: Any, status: int = 0) -> tuple[int, str]:
    """told: what pip-audit writes; None: nothing."""
    tool = folder / "pip-audit"
    (folder / "told.json").write_text(json.dumps(told))
    copy = "" if told is None else f'while [ "$1" != --output ]; do shift; done; cp {folder}/told.json "$2"'
    tool.write_text(f"#!/bin/sh\n{copy}\necho some trouble\nexit {status}\n")
    tool.chmod(0o755)
    ended = subprocess.run(
        [ROOT / "script" / "audit"],
        env={**os.environ, "PIP_AUDIT": str(tool)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_nothing_known_is_status_0(tmp_path: Path) -> None:
    status, said = audit(tmp_path, {"dependencies": CLEAN})
    assert (status, said) == (0, "audit: 1 packages looked at, 0 known vulnerabilities\n")


def test_a_known_vulnerability_is_status_1_and_named(tmp_path: Path) -> None:
    status, said = audit(tmp_path, {"dependencies": [*CLEAN, {"name": "urllib3", "version": "1.0", "vulns": [HOLE]}]}, 1)
    assert status == 1
    assert "urllib3 1.0: PYSEC-1 (fixed in 2)" in said


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "some trouble"),
        ({"nonsense": 1}, "some trouble"),
        ({"dependencies": [*CLEAN, {"name": "x", "skip_reason": "not found"}]}, "tells nothing"),
    ],
)
def test_what_could_not_be_asked_is_status_3_and_said(tmp_path: Path, told: Any, words: str) -> None:
    status, said = audit(tmp_path, told, 1)
    assert status == 3
    assert "NOT ASKED" in said
    assert words in said
