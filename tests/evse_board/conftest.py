"""Buses and slaves of these stories share a loop, and have its time."""

from tests.own_time import factories as pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
