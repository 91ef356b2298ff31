"""DataTransfer, as the certification tool plays it."""

import pytest

from tests.core.harness import World


@pytest.mark.section("tool TC_062")
@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("TOOL", "TOOL-MESSAGE", "UnknownVendorId"),
        ("TOOL", None, "UnknownVendorId"),
        ("org.chargepoint", "X", "UnknownMessageId"),
    ],
)
def test_what_the_station_does_not_know_is_not_accepted(vendor: str, message: str | None, status: str) -> None:
    asked = {"vendorId": vendor, "data": "anything", **({"messageId": message} if message else {})}
    assert World().call("DataTransfer", asked) == {"status": status}
