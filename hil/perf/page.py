"""What a run writes into docs/: the table in performance.md, between its two marks, and the curves."""

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from hil.perf.growth import Growth
from hil.perf.plot import svg
from hil.perf.row import Figures
from hil.perf.table import markdown, shown

BEGIN, END = "<!-- figures: written by script/bench -->", "<!-- end of figures -->"
BESIDE = {
    "boot_ms": "process start → BootNotification, ms",
    "peer_boot_ms": "the peer's start, ms",
    "getconfiguration_s": "GetConfiguration a second",
    "peer_getconfiguration_s": "the peer's GetConfiguration a second",
    "getconfiguration_cpu_us": "processor time of a GetConfiguration, µs",
    "peer_getconfiguration_cpu_us": "the peer's processor time of one, µs",
    "trigger_s": "TriggerMessage(Heartbeat) a second",
    "peer_trigger_s": "the peer's TriggerMessage a second",
    "trigger_cpu_us": "processor time of a TriggerMessage, µs",
    "peer_trigger_cpu_us": "the peer's processor time of one, µs",
    "tap_max_ms": "slowest tap, ms",
    "tap_light_p50_ms": "tap → light, median, ms",
    "tap_light_p99_ms": "tap → light, p99, ms",
    "fault_open_p50_ms": "fault → open, median, ms",
    "fault_open_max_ms": "fault → open, slowest, ms",
    "fault_open_count": "faults",
    "fault_open_rows": "rows delivered meanwhile",
    "fault_open_list_updates": "messages of 10,000 entries stored meanwhile",
    "outbox_append_p50_ms": "a row appended, median, ms",
    "outbox_fetch_ratio": "the oldest rows found, 100,000 against 100",
    "outbox_delivery_ratio": "a row delivered, 100,000 against 100",
    "outbox_row_ms": "a row delivered with 100 queued, ms",
    "outbox_many_row_ms": "a row delivered with 100,000 queued, ms",
    "delivery_beyond_ms": "a row beyond the link's round trip, ms",
    "commit_kb": "on the disk for each commit, kB",
}


def write(docs: Path, figures: Figures, growth: list[Growth]) -> None:
    """Raises OSError, and ValueError where performance.md has lost its marks."""
    for one in growth:
        (docs / f"growth-{one.name}.svg").write_text(svg(one), encoding="utf-8")
    page = docs / "performance.md"
    page.write_text(with_figures(page.read_text(encoding="utf-8"), block(figures, machine())), encoding="utf-8")


def with_figures(text: str, figures: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/performance.md has lost its marks {BEGIN} and {END}: put them back around the table")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def beside(figures: Figures) -> list[tuple[str, str]]:
    """What else was measured, and how it is shown."""
    return [(about, shown(figures[key])) for key, about in BESIDE.items() if key in figures]


def block(figures: Figures, where: str) -> str:
    others = [f"| {about} | {value} |" for about, value in beside(figures)]
    return "\n".join(["", where, "", markdown(figures), "", "Beside them:", "", "| | |", "|---|---|", *others, ""])


def machine() -> str:
    """One paragraph: what it was measured on, and how busy that was."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith(("model name", "Model"))
        ),
        platform.machine(),
    )
    first = " at real-time priority" if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR) else ""
    memory_kb = int(Path("/proc/meminfo").read_text(encoding="ascii").split()[1])
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d}{first} on {model}, {os.cpu_count()} cores, {memory_kb / 1e6:.0f} GB, Linux"
        f" {platform.release().split('-')[0]}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; load at the"
        f" end of the run {os.getloadavg()[1]:.1f}."
    )
