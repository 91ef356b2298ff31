"""A Central System on loopback for every test."""

from collections.abc import AsyncIterator

import pytest

from hil.csms import CentralSystem
from tests.csms.fake_station import FakeStation, fake_station


@pytest.fixture
async def cs() -> AsyncIterator[CentralSystem]:
    async with CentralSystem() as system:
        yield system


@pytest.fixture
async def station(cs: CentralSystem) -> AsyncIterator[FakeStation]:
    async with fake_station(cs.url) as connected:
        yield connected
