"""Stories of DataTransfer from the Central System."""

import json

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.data_transfer import HANDLERS
from chargepoint.messages import DataTransferConf, DataTransferStatus
from tests.core.harness import World

pytestmark = pytest.mark.section("5.6")


@pytest.mark.parametrize("vendor", ["org.example", "", "ORG.CHARGEPOINT", "v" * 255])
def test_a_vendor_that_nobody_registered_for(world: World, vendor: str) -> None:
    assert world.call("DataTransfer", vendorId=vendor) == {"status": "UnknownVendorId"}


@pytest.mark.parametrize("more", [{}, {"messageId": "Dance"}, {"messageId": "station"}, {"messageId": ""}, {"data": "x"}])
def test_a_message_that_nobody_registered_for(world: World, more: dict[str, str]) -> None:
    assert world.call("DataTransfer", {"vendorId": "org.chargepoint", **more}) == {"status": "UnknownMessageId"}


def test_what_the_station_is() -> None:
    world = World(2, serial_number="SN", firmware_version="1.2", connector_a_max=16.0)
    answer = world.call("DataTransfer", vendorId="org.chargepoint", messageId="Station", data="ignored")
    assert answer["status"] == "Accepted"
    assert json.loads(answer["data"]) == {
        "vendor": "ACME",
        "model": "Post",
        "serialNumber": "SN",
        "firmwareVersion": "1.2",
        "connectors": [{"connectorId": 1, "currentMax": 16.0}, {"connectorId": 2, "currentMax": 16.0}],
    }


def test_a_registered_handler_gets_the_data(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(data: str | None, _: object) -> DataTransferConf:
        return DataTransferConf(status=DataTransferStatus.Rejected, data=(data or "")[::-1])

    monkeypatch.setitem(HANDLERS, "org.example", {None: echo})
    assert world.call("DataTransfer", vendorId="org.example", data="abc") == {"status": "Rejected", "data": "cba"}
    assert world.call("DataTransfer", vendorId="org.example", messageId="x") == {"status": "UnknownMessageId"}


def test_large_data_is_taken_and_changes_nothing(world: World) -> None:
    begin = len(world.effects)
    assert world.call("DataTransfer", vendorId="org.example", data="x" * 200_000) == {"status": "UnknownVendorId"}
    assert [type(effect) for effect in world.effects[begin:]] == [fx.SendFrame]


def test_text_of_any_language_comes_through(world: World) -> None:
    world.csms.once("DataTransfer", lambda payload: {"status": "Accepted", "data": payload["data"]})
    text = 'Ünïcödé 充電 \U0001f50c \u202e \n\t"'
    assert world.control("data_transfer", vendor_id="v", data=text)[0]["data"] == text
