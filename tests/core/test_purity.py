"""The core is pure: no clock, no chance, no I/O; the same events at the same times give the same effects."""

import ast
import pathlib
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chargepoint.core
from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Snapshot
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from tests.core.harness import World

pytestmark = pytest.mark.section("own core")

FOLDER = pathlib.Path(chargepoint.core.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
ALLOWED = {
    "abc", "bisect", "collections", "collections.abc", "dataclasses", "datetime", "difflib", "enum", "functools", "heapq",
    "itertools",
    "json", "math", "operator", "re", "string", "typing", "urllib.parse", "msgspec", "msgspec.structs",
}  # fmt: skip
OURS = ("chargepoint.core", "chargepoint.messages", "chargepoint.facts")
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "id", "hash", "globals", "breakpoint"}


def imports_of(tree: ast.AST) -> set[str]:
    """Every module that is imported anywhere in it, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module or "")
    return found


def names(path: pathlib.Path) -> str:
    return str(path.relative_to(FOLDER))


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_of_the_core_imports_nothing_impure(path: pathlib.Path) -> None:
    imported = imports_of(ast.parse(path.read_text()))
    strange = {name for name in imported if name not in ALLOWED and not name.startswith(OURS)}
    assert not strange


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_of_the_core_calls_nothing_impure(path: pathlib.Path) -> None:
    """No I/O, no time of day, nothing that differs from process to process (`hash`, `id`)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in FORBIDDEN_CALLS, f"{called.id}() in line {node.lineno}"
            elif isinstance(called, ast.Attribute):
                assert called.attr not in ("now", "today", "utcnow", "time", "monotonic"), (
                    f".{called.attr}() in line {node.lineno}"
                )


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_of_the_core_keeps_no_state_of_its_own(path: pathlib.Path) -> None:
    """What is global is a constant: two stations in one process know nothing of each other."""
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await), f"line {node.lineno}"


def test_the_check_finds_what_it_looks_for() -> None:
    tree = ast.parse("def f():\n    import time\n    from random import choice\n")
    assert imports_of(tree) == {"time", "random"}
    assert {"time", "random"}.isdisjoint(ALLOWED)
    assert len(MODULES) > 20


class Recorded(World):
    """A World that writes down every run of the process: its snapshot, and each event with its time and its effects."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.runs: list[tuple[Snapshot, list[tuple[ev.Event, Now, list[fx.Effect]]]]] = []
        super().__init__(*args, **more)

    def start(self, **more: Any) -> None:
        snapshots: list[Snapshot] = []
        take = self.store.snapshot

        def taken(kernel_boot_id: str, mono_s: float) -> Snapshot:
            snapshots.append(take(kernel_boot_id, mono_s))
            return snapshots[0]

        self.store.snapshot = taken  # type: ignore[method-assign]
        self.runs.append((Snapshot(run=0, boots=(), keys={}, stop_samples={}), []))
        super().start(**more)
        self.store.snapshot = take  # type: ignore[method-assign]
        self.runs[-1] = (snapshots[0], self.runs[-1][1])

    def _step(self, event: ev.Event) -> None:
        begin = len(self.effects)
        now = self.now()
        alive = self.exited is None
        super()._step(event)
        if alive:
            self.runs[-1][1].append((event, now, self.effects[begin:]))


STEPS = st.lists(
    st.sampled_from(
        ["plug", "tap", "unplug", "tap other", "advance", "long", "cut", "restart", "disconnect", "connect", "remote", "stop",
         "fault", "well", "trigger", "keys", "reset"]
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True)
@given(STEPS)
def test_the_same_events_give_the_same_effects(steps: list[str]) -> None:
    world = Recorded(2, keys={"MeterValueSampleInterval": 30, "ClockAlignedDataInterval": 900, "StopTxnSampledData": "Voltage"})
    for step in steps:
        play(world, step)
    assert any(events for _, events in world.runs)
    for snapshot, events in world.runs:
        again = Station(snapshot, world.site)
        for event, now, effects in events:
            assert again.handle(event, now) == effects, event
            again.next_deadline()


def play(world: World, step: str) -> None:
    match step:
        case "plug":
            world.plug(1)
        case "tap":
            world.tap()
        case "tap other":
            world.tap("CARD2")
        case "unplug":
            world.unplug(1)
        case "advance":
            world.advance(7)
        case "long":
            world.advance(950)
        case "cut":
            world.cut_power(online=world.up)
        case "restart":
            world.restart(online=world.up)
        case "disconnect" if world.up:
            world.disconnect()
        case "connect" if not world.up:
            world.connect()
        case "remote" if world.up:
            world.ask("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": 2})
            world.plug(2)
        case "stop":
            world.control("stop_session", connector=1)
        case "fault":
            world.input("ground_fault", 1)
        case "well":
            world.input("ground_fault", 1, active=False)
        case "trigger" if world.up:
            world.ask("TriggerMessage", {"requestedMessage": "MeterValues"})
        case "keys" if world.up:
            world.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "11"})
        case "reset" if world.up:
            world.ask("Reset", {"type": "Soft"})
            world.advance(20)
            if world.exited:
                world.restart()


def test_an_import_of_the_core_brings_no_event_loop_along() -> None:
    """Whoever embeds the core pays for no more than it needs."""
    import subprocess

    code = "import sys; import chargepoint.core.station; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(said.stdout.split())
    assert "chargepoint.core.station" in loaded
    assert not loaded & {"asyncio", "sqlite3", "logging", "random", "chargepoint.shell", "chargepoint.store"}
