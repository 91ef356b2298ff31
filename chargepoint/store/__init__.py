"""What the station keeps over a power cut: one SQLite file, one connection, one commit a step."""

from chargepoint.store.errors import NoStore, StoreError
from chargepoint.store.store import Store, open_store

__all__ = ["NoStore", "Store", "StoreError", "open_store"]
