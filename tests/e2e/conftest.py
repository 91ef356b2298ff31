"""Rigs for stories: `rigs(...)` gives one; it is taken down after the test, and its logs are shown where the test failed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.e2e.rig import Rig, rig

Rigs = Callable[..., Awaitable[Rig]]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
async def rigs(request: pytest.FixtureRequest) -> AsyncIterator[Rigs]:
    """Makes rigs with the arguments of `rig`."""
    made: list[Rig] = []
    async with AsyncExitStack() as stack:

        async def make(**arguments: Any) -> Rig:
            made.append(await stack.enter_async_context(rig(**arguments)))
            return made[-1]

        yield make
        if request.node.stash.get(FAILED, False):
            for one in made:
                print(one.logs())
