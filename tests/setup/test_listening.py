"""Where the page listens when a blank station was set up otherwise than from a phone: where its settings say, at once."""

import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "chargepoint-setup-code.service"
EVERYWHERE, HERE = "0.0.0.0:8080", "127.0.0.1:8080"


def program(name: str, said: str, folder: Path) -> None:
    """One that notes how it was called."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\ncase "$*" in {said} esac\n')
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("there", "listens", "wanted", "moved"),
    [
        (True, EVERYWHERE, HERE, True),
        (True, EVERYWHERE, EVERYWHERE, False),  # as a set-up from a phone leaves it: nobody is thrown out
        (True, HERE, HERE, False),  # or it would go round for ever
        (False, EVERYWHERE, HERE, False),  # it is still blank, and the machine goes down
    ],
)
def test_the_codes_unit_moves_the_page_once_when_it_ends(
    there: bool, listens: str, wanted: str, moved: bool, tmp_path: Path
) -> None:
    text = UNIT.read_text().replace("\\\n", "")
    found = re.search(r"^ExecStopPost=-\+/bin/sh -c '(.+)'$", text, re.MULTILINE)
    assert found
    line = found[1].replace("$$", "$").replace("/etc/chargepoint", str(tmp_path)).replace("/usr/bin/chargepoint", "chargepoint")
    if there:
        (tmp_path / "chargepoint.toml").write_text("")
    program("systemctl", f"show*) echo '{listens} (Stream)' ;;", tmp_path)
    program("chargepoint", f"*) printf '[Socket]\\nListenStream=\\nListenStream={wanted}\\n' ;;", tmp_path)
    (tmp_path / "calls").write_text("")
    subprocess.run(["/bin/sh", "-c", line], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, timeout=10)
    calls = (tmp_path / "calls").read_text()
    assert ("systemctl daemon-reload" in calls) is moved
    assert ("systemctl --no-block restart chargepoint-panel.socket" in calls) is moved
