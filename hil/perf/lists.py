"""How long the store looks an id up, on the local list and in the cache at once, as it does for every tap."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter_ns

from chargepoint.core.effects import Commit
from chargepoint.core.records import CacheId, IdTagRecord, Stamp
from chargepoint.messages import AuthorizationStatus
from chargepoint.store import Store
from hil.perf.arithmetic import median
from hil.perf.fill import LENGTH_MAX, id_tag, opened, put_list
from hil.perf.process import CannotMeasure
from hil.perf.row import Figures, Plan

CACHED = 10_000  # the cache's bound
LOOK_UPS = 2_000


async def look_up(plan: Plan) -> Figures:
    """Microseconds of a look-up at 100,000 entries and a full cache, ids at random: the median of rounds of 2,000."""
    listed = 1_000 if plan.quick else LENGTH_MAX
    return {"list_lookup_us": await asyncio.to_thread(microseconds, plan.disk, listed, 3 if plan.quick else 9)}


def microseconds(disk: Path, listed: int, rounds: int) -> float:
    with filled(disk, listed) as store:
        rng = random.Random(1)
        return median([_round(store, [id_tag(rng.randrange(listed)) for _ in range(LOOK_UPS)]) for _ in range(rounds)])


@contextmanager
def filled(disk: Path, listed: int) -> Iterator[Store]:
    """A store with a local list of that length and a full cache."""
    state = Path(tempfile.mkdtemp(prefix="list-", dir=disk))
    try:
        store = opened(state)
        try:
            boot = store.snapshot().boots[-1].boot
            put_list(store, listed)
            known = [IdTagRecord(id_tag=f"CACHED{number:08}", status=AuthorizationStatus.Accepted) for number in range(CACHED)]
            store.commit(Commit(tuple(CacheId(record) for record in known), Stamp(boot, monotonic())))
            yield store
        finally:
            store.close()
    finally:
        shutil.rmtree(state)


def _round(store: Store, id_tags: list[str]) -> float:
    began_ns = perf_counter_ns()
    missed = sum(store.look_up(one)[0] is None for one in id_tags)
    took_ns = perf_counter_ns() - began_ns
    if missed:
        raise CannotMeasure(f"{missed} of {len(id_tags)} ids were not found on the list")
    return took_ns / len(id_tags) / 1_000
