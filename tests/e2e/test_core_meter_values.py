"""Meter values from end to end: rhythm, contexts, measurands, and what StopTransaction carries."""

import pytest

from hil.csms import Frame
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD

REGISTER = "Energy.Active.Import.Register"
RICH = f"{REGISTER},Power.Active.Import.L1,Current.Import.L2,Voltage.L3-N,Current.Offered"


def contexts(frame: Frame) -> set[str]:
    return {value["context"] for one in frame["meterValue"] for value in one["sampledValue"]}


@pytest.mark.section("3.16")
async def test_samples_from_the_start_and_on_the_grid_of_the_day(rigs: Rigs) -> None:
    keys = {
        "MeterValueSampleInterval": 1,
        "MeterValuesSampledData": RICH,
        "ClockAlignedDataInterval": 2,
        "MeterValuesAlignedData": REGISTER,
        "StopTxnSampledData": REGISTER,
        "StopTxnAlignedData": REGISTER,
    }
    rig = await rigs(speed=1000, keys=keys)
    await rig.boot()
    for number in (0, 1):
        aligned = await rig.expect("MeterValues", connectorId=number)
        assert contexts(aligned) == {"Sample.Clock"}
        assert "transactionId" not in aligned.payload
        (value,) = aligned["meterValue"]
        assert int(value["timestamp"][17:19]) % 2 == 0, value["timestamp"]
    rig.station.forget()
    await rig.charging()
    sample = await rig.station.expect("MeterValues", where=lambda frame: contexts(frame) == {"Sample.Periodic"})
    told = [(value["measurand"], value.get("phase"), value["unit"]) for value in sample["meterValue"][0]["sampledValue"]]
    assert told == [
        (REGISTER, None, "Wh"),
        ("Power.Active.Import", "L1", "W"),
        ("Current.Import", "L2", "A"),
        ("Voltage", "L3-N", "V"),
        ("Current.Offered", None, "A"),
    ]
    await rig.station.expect(
        "MeterValues", where=lambda frame: contexts(frame) == {"Sample.Clock"} and "transactionId" in frame.payload
    )
    await rig.bench.do("tap", id_tag=CARD)
    stop = await rig.expect("StopTransaction")
    data = [value["sampledValue"][0] for value in stop["transactionData"]]
    assert (data[0]["context"], data[-1]["context"]) == ("Transaction.Begin", "Transaction.End")
    assert {value["context"] for value in data[1:-1]} == {"Sample.Periodic", "Sample.Clock"}
    assert (data[0]["value"], data[-1]["value"]) == ("12345", str(stop["meterStop"]))
    values = [int(value["value"]) for value in data]
    assert values == sorted(values)
    rig.clean()


@pytest.mark.section("9.1.17")
async def test_back_ends_probe_measurands_and_get_what_they_chose(rigs: Rigs) -> None:
    rig = await rigs()
    await rig.boot()
    answers = {
        name: await rig.set_key("MeterValuesSampledData", name) for name in ("Voltage.L1-N", "SoC", "RPM", f"{REGISTER},SoC")
    }
    assert answers == {"Voltage.L1-N": "Accepted", "SoC": "Rejected", "RPM": "Rejected", f"{REGISTER},SoC": "Rejected"}
    assert await rig.key("MeterValuesSampledData") == "Voltage.L1-N"
    assert await rig.set_key("MeterValuesSampledData", RICH) == "Accepted"
    await rig.kill()
    await rig.boot()
    assert await rig.key("MeterValuesSampledData") == RICH
    await rig.charging()
    assert await rig.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == {"status": "Accepted"}
    asked = await rig.expect("MeterValues", connectorId=1, transactionId=1)
    assert contexts(asked) == {"Trigger"}
    assert await rig.set_key("MeterValueSampleInterval", 1) == "Accepted"
    for _ in range(2):
        await rig.station.expect("MeterValues", where=lambda frame: contexts(frame) == {"Sample.Periodic"})
    rig.clean()


@pytest.mark.section("5.17")
async def test_triggers_for_one_and_for_all(rigs: Rigs) -> None:
    rig = await rigs(connectors=2)
    await rig.boot(connectors=2)
    for connector in (1, 2):
        await rig.metered(connector)
    for wanted, number, told in (
        ("StatusNotification", None, [0, 1, 2]),
        ("StatusNotification", 0, [0]),
        ("StatusNotification", 2, [2]),
        ("MeterValues", 2, [2]),
    ):
        rig.station.forget()
        before = rig.station.messages[-1].seq
        where = {} if number is None else {"connectorId": number}
        assert await rig.call("TriggerMessage", requestedMessage=wanted, **where) == {"status": "Accepted"}
        answered = next(
            frame.seq for frame in reversed(rig.station.messages) if frame.kind == "result" and frame.direction == "in"
        )
        for expected in told:
            frame = await rig.expect(wanted, connectorId=expected)
            assert frame.seq > answered
        assert [frame["connectorId"] for frame in rig.sent(wanted, after=before)] == told
    assert await rig.call("TriggerMessage", requestedMessage="MeterValues", connectorId=3) == {"status": "Rejected"}
    assert await rig.call("TriggerMessage", requestedMessage="Heartbeat") == {"status": "Accepted"}
    await rig.expect("Heartbeat")
    boots = len(rig.sent("BootNotification"))
    assert await rig.call("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
    await rig.expect("BootNotification")
    assert len(rig.sent("BootNotification")) == boots + 1
    rig.clean()


async def test_thirty_two_connectors_on_one_serial_line_bill_exactly(rigs: Rigs) -> None:
    rig = await rigs(connectors=32, speed=1000, options=("--meter", "rtu", "--readers", "each"))
    await rig.boot(connectors=32)
    for number in range(1, 33):
        await rig.bench.do("plug", connector=number)
        await rig.bench.do("tap", id_tag=f"CARD{number}", reader=number, hold_s=0.05)
    for number in range(1, 33):
        await rig.contactor("closed", number, timeout_s=15)
    for number in range(1, 33):
        await rig.bench.do("tap", id_tag=f"CARD{number}", reader=number, hold_s=0.05)
    rows = await rig.delivered(32)
    billed = {row.connector_id: row.meter_stop_wh for row in rows}
    assert billed == {number: (await rig.connector(number))["energy_wh"] for number in range(1, 33)}
    rig.clean()
