"""Fixtures of the store's stories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chargepoint.store import Store
from tests.store.making import opened


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state_dir: Path) -> Iterator[Store]:
    store = opened(state_dir)
    store.snapshot()
    yield store
    store.close()
