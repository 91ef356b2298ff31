"""Figures are made of the right numbers, every key of the table is in the last line, and an unmeasured one is named."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hil.perf import page
from hil.perf.__main__ import line, main, measured
from hil.perf.arithmetic import percentile, rounded
from hil.perf.growth import Curve, Growth
from hil.perf.plot import nice, short, svg
from hil.perf.process import CannotMeasure, needs_disk
from hil.perf.row import Figures, Mark, Plan, Row
from hil.perf.table import KEYS, ROWS, markdown, shown, terminal

PROMISED = """
    boot_ratio rss_mb rss_growth_mb getconfiguration_ratio trigger_ratio tap_p50_ms tap_p99_ms fault_open_p99_ms
    cpu_idle_percent cpu_charging_percent disk_charging_mb_day disk_idle_mb_day outbox_append_p99_ms outbox_growth_ratio
    list_lookup_us core_events_s simulated_year_s
"""
CURVE = Curve("look-up", "µs", ((10, 9.0), (1_000, 12.5), (100_000, 14.0)))
GROWTH = Growth("list", "The <list> grows", "entries", (CURVE, CURVE))


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_99th_percentile_of_a_few_is_the_worst() -> None:
    assert percentile([1.0, 9.0, 2.0], 99) == 9.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 99)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.0), (0.123456, 0.123), (12.3456, 12.3), (1_234.5, 1_234.0), (52_345.6, 52_346.0)]
)
def test_a_figure_has_three_digits_and_keeps_its_whole_numbers(value: float, expected: float) -> None:
    assert rounded(value) == expected


def test_the_table_holds_every_figure_that_is_promised() -> None:
    assert sorted(KEYS) == sorted(PROMISED.split())


def test_the_last_line_has_every_key_no_other_and_null_where_nothing_was_measured() -> None:
    told = json.loads(line({"boot_ratio": 0.71234, "boot_ms": 312.5}))
    assert sorted(told) == sorted(PROMISED.split())
    assert (told["boot_ratio"], told["rss_mb"]) == (0.712, None)


def test_a_figure_that_falls_short_is_told_as_it_is() -> None:
    figures = {"boot_ratio": 0.9, "rss_mb": 37.2}
    lines = terminal(ROWS, figures).splitlines()
    assert [one.split()[-1] for one in lines[1:4]] == ["SHORT", "reached", "measured"]
    assert "| `boot_ratio` | ≤ 0.8 | 0.9 | **short** |" in markdown(figures)
    assert "| `core_events_s` | ≥ 50 000 | ? | not measured |" in markdown(figures)


def test_marks_hold_at_their_limit() -> None:
    assert Mark("a", 5).reached(5.0)
    assert not Mark("a", 5).reached(5.01)
    assert Mark("a", 3, at_least=True).reached(3.0)
    assert not Mark("a", 3, at_least=True).reached(2.99)
    assert (shown(52_345.6), shown(0.5, "MB"), shown(None)) == ("52 346", "0.5 MB", "?")


@pytest.mark.parametrize("error", [CannotMeasure("no bench"), ZeroDivisionError("no rows")])
async def test_a_row_that_breaks_is_named_and_the_others_go_on(error: Exception, tmp_path: Path) -> None:
    async def breaks(plan: Plan) -> Figures:
        raise error

    figures, trouble = await measured(Row("one", "", breaks, (Mark("a", 1),)), Plan(tmp_path))
    assert figures == {}
    assert trouble is not None
    assert str(error) in trouble


async def test_a_row_that_forgets_a_key_is_not_measured(tmp_path: Path) -> None:
    async def forgets(plan: Plan) -> Figures:
        return {"a": 1.0}

    _, trouble = await measured(Row("one", "", forgets, (Mark("a", 1), Mark("b", 1))), Plan(tmp_path))
    assert trouble == "b did not come out"


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--fast"], ["tap"]])
def test_wrong_usage_has_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "script/bench: error" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no directory in memory here")
def test_a_directory_in_memory_is_refused_since_commits_cost_nothing_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CannotMeasure, match="lies in memory"):
        needs_disk(Path("/dev/shm"))
    assert main(["--dir", "/dev/shm", "--quick", "--only", "list"]) == 1
    assert "--dir" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "end"), [(0.0, 1.0), (9.0, 10.0), (3.0, 4.0), (38.9, 50.0), (0.11, 0.2), (99.0, 200.0)])
def test_an_axis_ends_at_a_number_that_reads_well(value: float, end: float) -> None:
    assert nice(value) == pytest.approx(end)


def test_a_drawing_is_the_same_every_time_and_reads_in_the_dark() -> None:
    drawing = svg(GROWTH)
    assert drawing == svg(GROWTH)
    root = ElementTree.fromstring(drawing)
    name = "{http://www.w3.org/2000/svg}"
    assert [one.text for one in root.iter(f"{name}title")] == ["The <list> grows"]
    assert len(list(root.iter(f"{name}circle"))) == 6
    assert "prefers-color-scheme: dark" in drawing
    assert [short(size) for size in (10, 1_000, 100_000)] == ["10", "1k", "100k"]


def test_the_page_takes_the_table_between_its_marks_and_keeps_the_rest() -> None:
    text = f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n"
    assert page.with_figures(text, "new") == f"before\n{page.BEGIN}\nnew\n{page.END}\nafter\n"
    with pytest.raises(ValueError, match="marks"):
        page.with_figures("no marks", "new")


def test_the_page_has_its_marks_and_shows_every_curve() -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "performance.md").read_text(encoding="utf-8")
    assert page.with_figures(text, "new") != text
    for name in ("list", "queue", "connectors"):
        assert f"(growth-{name}.svg)" in text
        ElementTree.parse(docs / f"growth-{name}.svg")
