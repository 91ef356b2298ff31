"""What holds for every test: how Hypothesis judges time, which tests begin first, and when garbage is looked for."""

import gc

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared, so a slow example is no failure.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

LONGEST = ("tests/crash/", "tests/package/", "tests/demo/", "tests/simulate/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage, and need not be looked through for some again and again."""
    gc.collect()
    gc.freeze()
