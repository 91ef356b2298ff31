"""The tables of docs/meters.md, made from the maps: `python -m tests.meters.page` writes them into the page."""

from pathlib import Path

from chargepoint.facts import Quantity
from drivers import meters

PAGE = Path(__file__).parents[2] / "docs" / "meters.md"
BEGIN = "<!-- maps: written by python -m tests.meters.page -->"
END = "<!-- end of maps -->"


def tables() -> str:
    maps = [meters.load(name) for name in meters.names()]
    lines = ["### Verified", "", "| map | meter | phases | bus | unit id | serial, factory | gives | note |", "|" + "---|" * 8]
    lines += [f"{_common(each)} {each.note} |" for each in maps if each.verified]
    lines += ["", "### Not verified", "", "| map | meter | phases | bus | unit id | serial, factory | gives | why, and note |"]
    lines += ["|" + "---|" * 8]
    lines += [f"{_common(each)} {' '.join((each.why_unverified, each.note)).strip()} |" for each in maps if not each.verified]
    return "\n".join(lines) + "\n"


def _common(each: meters.MeterMap) -> str:
    serial = each.serial
    settings = (
        f"{serial.baud} 8{serial.parity}{serial.stop_bits}" if serial else "see the manual" if each.transport == "rtu" else ""
    )
    unit = "to be set" if each.unit_id is None else str(each.unit_id)
    meter = f"{each.manufacturer} {each.model}"
    return f"| `{each.name}` | {meter} | {each.phases} | {each.transport} | {unit} | {settings} | {_gives(each)} |"


def _gives(each: meters.MeterMap) -> str:
    """Quantities in the order of `Quantity`; a star: one source only."""
    there = (quantity for quantity in Quantity if quantity in each.quantities)
    return ", ".join(quantity.replace("_", " ") + "*" * each.quantities[quantity].single_source for quantity in there)


def with_tables(page: str) -> str:
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
