"""The table of figures: every row with its keys and marks, and how a run is shown."""

from hil.perf import alone, comparison, lists, load, queue, sessions
from hil.perf.arithmetic import rounded
from hil.perf.row import Figures, Mark, Row

ROWS = (
    Row(
        "boot",
        "process start → BootNotification on the wire, against the peer",
        comparison.boot,
        (Mark("boot_ratio", 0.8),),
        20,
    ),
    Row(
        "memory",
        "resident memory, idle, 2 connectors; growth after 10,000 messages",
        comparison.memory,
        (Mark("rss_mb", 38, "MB"), Mark("rss_growth_mb", 1, "MB")),
        35,
    ),
    Row(
        "rates",
        "round trips a second, one after the other, against the peer",
        comparison.rates,
        (Mark("getconfiguration_ratio", 3, at_least=True), Mark("trigger_ratio", 3, at_least=True)),
        20,
    ),
    Row(
        "tap",
        "tap → contactor commanded (cached id, commit included)",
        sessions.taps,
        (Mark("tap_p50_ms", 5, "ms"), Mark("tap_p99_ms", 20, "ms")),
        20,
    ),
    Row(
        "fault",
        "fault → contactor open commanded, outbox and local list busy",
        sessions.faults,
        (Mark("fault_open_p99_ms", 5, "ms"),),
        60,
    ),
    Row(
        "processor",
        "processor while idle and while charging, 2 connectors, meters read every second",
        load.processor,
        (Mark("cpu_idle_percent", 1, "%"), Mark("cpu_charging_percent", 2, "%")),
        70,
    ),
    Row(
        "disk",
        "written to the disk a day, 2 connectors: charging all day with 60 s samples; idle",
        alone.disk,
        (Mark("disk_charging_mb_day", 60, "MB"), Mark("disk_idle_mb_day", 1, "MB")),
        6,
    ),
    Row(
        "append",
        "a row into the outbox, synchronous=FULL",
        queue.append,
        (Mark("outbox_append_p99_ms", 5, "ms"),),
        8,
    ),
    Row(
        "growth",
        "look-up and delivery with 100,000 rows queued, against 100",
        queue.growth,
        (Mark("outbox_growth_ratio", 1.2),),
        20,
    ),
    Row(
        "link",
        "delivery of a row, against the link's round trip of 50 ms",
        queue.link,
        (Mark("delivery_rtt_ratio", 1.2, last_line=False),),
        15,
    ),
    Row(
        "list",
        "look-up of an id, list of 100,000 and full cache",
        lists.look_up,
        (Mark("list_lookup_us", 50, "µs"),),
        2,
    ),
    Row(
        "core",
        "the core alone, events a second",
        alone.core,
        (Mark("core_events_s", 50_000, at_least=True),),
        6,
    ),
    Row(
        "simulator",
        "a charger-year of 2 connectors",
        alone.simulator,
        (Mark("simulated_year_s", 60, "s"),),
        25,
    ),
)
KEYS = tuple(mark.key for row in ROWS for mark in row.marks if mark.last_line)


def verdict(mark: Mark, figures: Figures) -> str:
    if mark.key not in figures:
        return "not measured"
    return "reached" if mark.reached(figures[mark.key]) else "SHORT"


def terminal(rows: tuple[Row, ...], figures: Figures) -> str:
    """A line for each mark, in columns."""
    lines = [("figure", "measured", "mark", "")]
    lines += [
        (mark.key, shown(figures.get(mark.key), mark.unit), str(mark), verdict(mark, figures))
        for row in rows
        for mark in row.marks
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {mark:>{widths[2]}}  {said}".rstrip() for name, value, mark, said in lines
    )


def markdown(figures: Figures) -> str:
    """The whole table, for docs/performance.md."""
    lines = ["| figure | key | mark | measured | |", "|---|---|---|---|---|"]
    for row in ROWS:
        for number, mark in enumerate(row.marks):
            about = "" if number else row.about
            value = shown(figures.get(mark.key), mark.unit)
            said = verdict(mark, figures)
            lines.append(f"| {about} | `{mark.key}` | {mark} | {value} | {'**short**' if said == 'SHORT' else said} |")
    return "\n".join(lines)


def shown(value: float | None, unit: str = "") -> str:
    if value is None:
        return "?"
    number = rounded(value)
    text = f"{number:,.0f}".replace(",", " ") if abs(number) >= 1_000 else f"{number:g}"
    return f"{text} {unit}".rstrip()
