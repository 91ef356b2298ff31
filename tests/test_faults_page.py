"""docs/faults.md says of every fault what the code does."""

from pathlib import Path

from chargepoint.core.faults import RULES, Fault, Rule

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"


def tables() -> list[list[list[str]]]:
    """The rows of every table of the page, without head and rule."""
    found: list[list[list[str]]] = [[]]
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [rows[2:] for rows in found if rows]


def charging(rule: Rule) -> str:
    if not rule.blocks:
        return "goes on"
    return "pauses" if rule.ends is None else f"ends ({rule.ends.value})"


def test_the_table_is_what_the_station_does_in_the_order_in_which_it_tells() -> None:
    rows = [row[:4] for row in tables()[0]]
    told = list(Fault)
    assert rows == [[one.value, RULES[one].code.value, RULES[one].text, charging(RULES[one])] for one in told]


def test_what_latches_and_nothing_else_stays_until_it_is_cleared() -> None:
    assert {row[0] for row in tables()[0] if row[4] == "cleared"} == {one.value for one in Fault if RULES[one].latches}


def test_every_fault_has_its_cause_and_what_to_do() -> None:
    rows = tables()[-1]
    assert [row[0] for row in rows] == [one.value for one in Fault]
    assert all(len(cell) > 3 for row in rows for cell in row[1:])
