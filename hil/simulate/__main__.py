"""Many seeds, and one line of JSON at the end.

script/simulate --seeds 20 --days 30
script/simulate --seeds 1 --days 365 --connectors 2
script/simulate --seed 7 --days 30                      one seed again
script/simulate --offline 30                            a month without a Central System

A seed with a violation runs a second time and leaves its events in build/simulate/seed-N.jsonl.gz: chargepoint replay runs them
through the core.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path

import msgspec

from chargepoint.journal import Recorder, program
from hil.simulate.away import absence
from hil.simulate.invariants import Violation
from hil.simulate.simulation import Simulation, again

RECORDINGS = Path("build/simulate")
RECORDING_BYTES_MAX = 64 << 20


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds, from --first on (default 1)")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed (default 1)")
    parser.add_argument("--seed", type=int, metavar="SEED", help="this seed only")
    parser.add_argument("--days", type=float, default=30, metavar="D", help="days of each (default 30)")
    parser.add_argument("--offline", type=int, metavar="D", help="instead: D days without a Central System, two cars charging")
    parser.add_argument("--connectors", type=int, default=2, metavar="N", help="1 to 32 (default 2)")
    arguments = parser.parse_args()
    if arguments.offline is not None and arguments.offline < 1:
        parser.error("--offline must be above 0")
    if arguments.seeds < 1 or arguments.days <= 0 or not 1 <= arguments.connectors <= 32:
        parser.error("--seeds and --days must be above 0, --connectors 1 to 32")
    if arguments.offline is not None:
        return _offline(arguments.offline)
    seeds = [arguments.seed] if arguments.seed is not None else range(arguments.first, arguments.first + arguments.seeds)
    total = {"seeds": 0, "days": 0.0, "sessions": 0, "messages": 0, "power_cuts": 0, "lost_answers": 0, "violations": 0}
    began_s = time.monotonic()
    for seed in seeds:
        total["seeds"] += 1
        total["days"] += arguments.days
        try:
            result = Simulation(seed, arguments.days, arguments.connectors).run()
        except Violation as violation:
            total["violations"] += 1
            print(f"seed {seed}: VIOLATION {violation}", flush=True)
            _record(seed, arguments.days, arguments.connectors)
            continue
        for name in ("sessions", "messages", "power_cuts", "lost_answers"):
            total[name] += getattr(result, name)
        total["violations"] += len(result.violations)
        print(
            f"seed {seed}: {result.sessions} sessions, {result.messages} messages, {result.events} events, "
            f"{result.power_cuts} power cuts, digest {result.digest}",
            flush=True,
        )
        for wrong in result.violations:
            print(f"  VIOLATION {wrong}; again: {again(seed, arguments.days, arguments.connectors)}", flush=True)
        if result.violations:
            _record(seed, arguments.days, arguments.connectors)
    total["seconds"] = round(time.monotonic() - began_s, 1)
    print(json.dumps(total))
    return 1 if total["violations"] else 0


def _offline(days: int) -> int:
    began_s = time.monotonic()
    outcome = absence(days)
    print(json.dumps(msgspec.to_builtins(outcome) | {"seconds": round(time.monotonic() - began_s, 1)}))
    return 0 if outcome.told >= outcome.samples and not outcome.violations else 1


def _record(seed: int, days: float, connectors: int) -> None:
    """The same once more, up to the violation, with a recorder beside the core."""
    recorder = Recorder(RECORDING_BYTES_MAX, salt=str(seed).encode())
    simulation = Simulation(seed, days, connectors)
    simulation.box.recorder = recorder
    with contextlib.suppress(Violation):
        simulation.run()
    path = RECORDINGS / f"seed-{seed}.jsonl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"station": "CK_SIM_0001", "program": program.digest(), "why": again(seed, days, connectors)}
    path.write_bytes(recorder.recording(about))
    print(f"  its newest {recorder.events} events: chargepoint replay {path}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
