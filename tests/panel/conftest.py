"""A page for a story. Passwords are hashed cheaply here; what they cost in truth is held by a story of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chargepoint.panel import guard
from tests.panel.house import House, house

TRUE_COST = dict(guard.COST)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "COST", {**guard.COST, "n": 2, "p": 1})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


@pytest.fixture
async def installer(here: House) -> House:
    assert (await here.log_in()).status == 303
    return here
