"""Fixtures of the core's stories."""

import pytest

from tests.core.harness import World


@pytest.fixture
def world() -> World:
    """A station of one connector, connected and accepted."""
    return World()
