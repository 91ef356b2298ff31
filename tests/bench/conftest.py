"""Benches for tests: a short directory (a Unix socket's path is short), and a bench in the test's own process."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


@pytest.fixture
async def bench(directory: Path) -> AsyncIterator[Bench]:
    """Two connectors with sockets, one reader."""
    async with running(Options(directory=directory, connectors=2)) as running_bench:
        yield running_bench


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[BenchClient]:
    async with BenchClient(bench.control) as connected:
        yield connected
