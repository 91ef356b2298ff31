"""docs/doctor.md has every finding, as the program says it; and the program says none that is not there."""

import re
from pathlib import Path

from chargepoint.doctor.finding import Part
from chargepoint.doctor.words import KNOWN
from tests.doctor.page import PAGE, page

SOURCES = (Path(__file__).parents[2] / "chargepoint" / "doctor").glob("*.py")


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m tests.doctor.page"


def test_every_finding_can_be_found_and_belongs_to_a_part() -> None:
    said = {
        code
        for source in SOURCES
        if source.name != "words.py"
        for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source.read_text())
    }
    assert set(KNOWN) <= said
    assert {known.part for known in KNOWN.values()} <= set(Part)
    assert all(known.means and known.fix and "\n" not in known.fix for known in KNOWN.values())
