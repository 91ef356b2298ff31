"""What holds for every test: how Hypothesis judges time, in which order they begin, and when garbage is looked for."""

import gc
import zlib

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared, so a slow example is no failure.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

LONGEST = ("tests/crash/", "tests/package/", "tests/demo/", "tests/layers/", "tests/simulate/test_long_offline.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it at the end. The rest is mixed, file by file and
    every time the same: a worker that waits for processes lets one that computes have its processor, which neither a row of the
    one kind nor of the other could.
    """
    items.sort(key=lambda item: (not item.nodeid.startswith(LONGEST), zlib.crc32(item.nodeid.partition("::")[0].encode())))


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage, and need not be looked through for some again and again."""
    gc.collect()
    gc.freeze()
