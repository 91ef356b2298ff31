"""Every crash point of the real store, and one line of JSON at the end.

python -m hil.disk                   a share of the points, as the tests run them, in about ten seconds
python -m hil.disk --all             every point, the power gone a second time while the store is opened, failing disks, lies
python -m hil.disk --all --seed 7    the same with other sectors, tears and orders

Exit status: 0 all as promised in docs/reliability.md, 1 not, 4 this Python's SQLite cannot be watched.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator

from hil.disk import failing, lies, points
from hil.disk.card import Fate
from hil.disk.life import live, migrate, old_database, small_reserve
from hil.disk.points import Result
from hil.disk.vfs import Unavailable, library

SHARE, SHARE_FAILING, SHARE_AGAIN, LIES = 12, 40, 400, 150
ALL_AGAIN, ALL_LIES = 25, 3_000
UNAVAILABLE = 4

Part = tuple[str, Callable[[], Result]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hil.disk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every point instead of a share")
    parser.add_argument("--seed", type=int, default=1, help="decides what chance decides (default 1)")
    chosen = parser.parse_args(arguments)
    try:
        library()
    except Unavailable as error:
        print(f"not run: {error}", file=sys.stderr)
        return UNAVAILABLE
    began_s = time.monotonic()
    total: dict[str, object] = {"seed": chosen.seed}
    wrong = 0
    with small_reserve():
        for name, run in parts(chosen.all, chosen.seed):
            result = run()
            total[name] = dict(result.done)
            wrong += len(result.wrong)
            print(f"{name}: {', '.join(f'{count} {kind}' for kind, count in result.done.items())}", flush=True)
            for text in result.wrong[:20]:
                print(f"  WRONG {text}", flush=True)
    print(json.dumps({**total, "wrong": wrong, "seconds": round(time.monotonic() - began_s, 1)}))
    return 1 if wrong else 0


def parts(everything: bool, seed: int) -> Iterator[Part]:
    """What is run, one after the other."""
    every = 1 if everything else SHARE
    life = points.recorded(live)
    old = points.recorded(lambda keeper, recorder: migrate(keeper), old_database)
    yield "life", lambda: points.run(life, every=every, seed=seed)
    yield "migration", lambda: points.run(old, every=every, seed=seed)
    yield "destroyed blocks", lambda: points.run(life, every=every, fates=(Fate.BLOCK,), seed=seed)
    yield "again while opening", lambda: points.run_again(life, every=ALL_AGAIN if everything else SHARE_AGAIN, seed=seed)
    yield "failing disk", lambda: failing.run(1 if everything else SHARE_FAILING)
    yield "lies", lambda: lies.run(life, ALL_LIES if everything else LIES, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
