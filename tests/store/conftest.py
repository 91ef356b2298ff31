"""Fixtures of the store's stories."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargepoint.core.records import Snapshot
from chargepoint.store import Store
from tests.store.making import opened

Restart = Callable[[], tuple[Store, Snapshot]]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state_dir: Path) -> Iterator[Store]:
    store = opened(state_dir)
    store.snapshot()
    yield store
    store.close()


@pytest.fixture
def restart(store: Store, state_dir: Path) -> Restart:
    """Closes the store and opens it as the next process does, a second later in the same boot."""
    last = store
    mono_s = 100.0

    def again() -> tuple[Store, Snapshot]:
        nonlocal last, mono_s
        last.close()
        mono_s += 1
        last = opened(state_dir, mono_s=mono_s)
        return last, last.snapshot()

    return again
