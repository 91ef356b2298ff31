"""The README: every command is in its table, and its settings are those of a station that would start."""

import re
from pathlib import Path

from chargepoint.cli.main import COMMANDS
from chargepoint.registry import check_file

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_its_table_has_every_command_and_no_other() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `chargepoint ")]
    assert sorted(re.findall(r"`chargepoint ([a-z-]+)`", "".join(rows))) == sorted(COMMANDS)


def test_its_settings_are_those_of_a_real_station(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "station.toml"
    path.write_text(example)
    checked = check_file(path)
    assert [str(problem) for problem in checked.problems] == []
    assert checked.remarks == ()
    assert "virtual" not in example
