"""A machine with systemd for stories of units; skipped in words where this host cannot have one."""

from collections.abc import Iterator

import pytest

from hil.machine import Machine, Unavailable, root


@pytest.fixture
def machine() -> Iterator[Machine]:
    try:
        one = Machine(root())
        one.start()
    except Unavailable as error:
        pytest.skip(f"layer D, a machine under systemd: {error}")
    yield one
    one.stop()
