"""What is measured by a program of its own, in a process of its own: core, disk, simulator."""

import asyncio
import json
import sys
from typing import Any

from hil.perf.process import CannotMeasure
from hil.perf.rig import ROOT
from hil.perf.row import Figures, Plan

LATE_S = 400.0


async def core(plan: Plan) -> Figures:
    """Events of a busy day a second, with nothing around the core (hil.perf.core_events)."""
    days = ("--hours", "0.2", "--rounds", "1") if plan.quick else ("--hours", "2", "--rounds", "21")
    return {"core_events_s": (await _told("hil.perf.core_events", *days))["core_events_s"]}


async def disk(plan: Plan) -> Figures:
    """Megabytes that the kernel counts for the store's process in a day of events (hil.perf.disk_day)."""
    hours = "2" if plan.quick else "24"
    told = await _told("hil.perf.disk_day", "--hours", hours, "--dir", str(plan.disk))
    return {key: told[key] for key in ("disk_charging_mb_day", "disk_idle_mb_day", "commit_kb")}


async def simulator(plan: Plan) -> Figures:
    """Seconds for a year of a charger with two connectors, power cuts and broken networks included (hil.simulate)."""
    days = 5 if plan.quick else 365
    told = await _told("hil.simulate", "--seeds", "1", "--days", str(days), "--connectors", "2")
    return {"simulated_year_s": told["seconds"] * 365 / days}


async def _told(module: str, *arguments: str) -> dict[str, Any]:
    """The JSON object of a program's last line. Raises CannotMeasure where it fails or is late."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LATE_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise CannotMeasure(f"{module} was not done within {LATE_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = (err or out).decode(errors="replace").strip().splitlines()[-1:]
        raise CannotMeasure(f"{module} ended with status {process.returncode}: {' '.join(said)}")
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told
