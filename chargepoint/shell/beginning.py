"""Beginning: what the store holds must be something that a station can begin with.

Owns the rehearsal: a core that is thrown away takes its first step with the snapshot before anything depends on it. Records
with which it cannot would end the process at every start, again and again. They are a fault of the store instead: the station
runs without it, reachable, Faulted, with every contactor open.
"""

from chargepoint.core.events import Started
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.shell.storeroom import StoreLike
from chargepoint.store.errors import KEEP, StoreError


class CannotBegin(StoreError):
    """The records in the store make a state that cannot be; `__cause__` says how that showed."""


def begin(store: StoreLike, site: Site, now: Now, directory: str) -> Snapshot:
    """The snapshot to go on from. Raises StoreError where it cannot be read, CannotBegin where no station can begin with it."""
    try:
        snapshot = store.snapshot()
        Station(snapshot, site).handle(Started(), now)
    except StoreError:
        raise
    except Exception as error:  # whatever it is: it would be the same at the next start
        why = f"{type(error).__name__}: {error}"[:300]
        raise CannotBegin(f"{directory}: the station cannot begin with the records there ({why}): {KEEP}") from error
    return snapshot
