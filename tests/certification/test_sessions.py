"""Regular charging sessions, as the certification tool plays them."""

import pytest

from tests.certification import tool
from tests.core.harness import World


@pytest.fixture
def world() -> World:
    """A station of one connector with a reader of its own, connected and accepted."""
    world = World()
    world.forget()
    return world


@pytest.mark.section("tool TC_004_1")
def test_identification_first(world: World) -> None:
    tool.authorized(world)
    tool.plugged(world)
    tool.expect_nothing(world)
    assert world.contactor()
