"""Parts whose settings are wrong: lost at once, for nothing that is waited for mends a file."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from chargepoint.core.events import PartLost
from chargepoint.registry import Kind
from chargepoint.shell.hardware import Hardware, Opener, refusing
from chargepoint.shell.meter_part import FAILING_MAX_S
from tests.shell.drivers import Workshop, settings
from tests.shell.fakes import until

WHY = "no map xsdm630; the nearest is sdm630"


@pytest.mark.parametrize("section", ["connectors.1.meter", "connectors.1.contactor"])
async def test_a_meter_without_settings_is_not_waited_for_as_one_that_boots(section: str) -> None:
    workshop = Workshop()
    refused = refusing({section: WHY})

    def opener(kind: Kind, part: Mapping[str, Any], place: str) -> Opener:
        return refused(kind, part, place) if place == section else workshop.opener(kind, part, place)

    hardware = Hardware(settings(1), workshop.report, opener)
    hardware.start()
    async with asyncio.timeout(FAILING_MAX_S / 2):
        await until(lambda: workshop.of(PartLost))
    assert workshop.of(PartLost) == [PartLost(section.rpartition(".")[2], 1, WHY, False)]
    await hardware.stop()
