"""Writes the table of docs/doctor.md: every finding with what it means and what to do. `python -m tests.doctor.page`."""

from itertools import groupby
from pathlib import Path

from chargepoint.doctor.words import KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
BEGIN, END = "<!-- findings: written by python -m tests.doctor.page -->", "<!-- end of findings -->"


def table() -> str:
    parts = []
    for part, rows in groupby(KNOWN.items(), key=lambda item: item[1].part):
        lines = [f"### {part}", "", "| finding | means | what to do |", "|---|---|---|"]
        for code, known in rows:
            lines.append(f"| `{code}`{' (remark)' if known.remark else ''} | {known.means} | {known.fix} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def page(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
