"""Stories of a long time offline: thousands of billing messages, a window of them in memory, and everything else goes on."""

import pytest

from chargepoint.core import effects as fx
from tests.core.billing import OFFLINE, actions, billed
from tests.core.central_system import After, Cut
from tests.core.harness import World

pytestmark = pytest.mark.section("3.7")


class TestManyRows:
    def long_night(self, world: World) -> int:
        """Offline, with a sample every second: returns how many rows wait."""
        world.plug()
        world.tap()
        world.advance(2_000)
        return len(world.store.rows)

    def test_thousands_of_rows_leave_in_order_through_a_window(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        waiting = self.long_night(world)
        assert waiting > 2_000
        world.connect()
        assert not world.store.rows
        assert len(billed(world)) == waiting
        times = [call["meterValue"][0]["timestamp"] for call in world.calls("MeterValues")]
        assert times == sorted(times)
        fetches = [effect for effect in world.effects if isinstance(effect, fx.FetchRows)]
        assert {effect.limit for effect in fetches} == {64}
        assert len(fetches) <= waiting / 64 + 3

    def test_memory_holds_a_window_only(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        assert len(world.station._blocks.outbox._window) <= 64

    def test_rows_that_are_added_while_the_store_is_read_are_not_forgotten(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.7, {}))
        world.connect()
        world.advance(3_000)
        world.unplug()
        world.advance(3_000)
        assert not world.store.rows
        assert actions(world)[-1] == "StopTransaction"

    def test_after_a_restart_the_rest_is_sent(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        waiting = self.long_night(world)
        world.csms.once("MeterValues", *[{}] * 700, Cut())
        world.connect()
        assert len(world.store.rows) == waiting - 701
        world.restart()
        world.advance(60)
        assert not world.store.rows

    def test_a_driver_is_served_while_the_outbox_is_long(self) -> None:
        """An authorisation goes before billing rows."""
        world = World(2, each=True, keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.1, {}))
        world.connect()
        world.plug(2)
        world.tap("DRIVER", reader=2)
        world.advance(0.5)
        assert world.calls("Authorize", idTag="DRIVER")
        assert world.contactor(2)

    def test_what_is_triggered_does_not_wait_for_the_whole_outbox(self) -> None:
        world = World(keys=OFFLINE | {"MeterValueSampleInterval": 1}, online=False)
        self.long_night(world)
        world.csms.always("MeterValues", After(0.1, {}))
        world.connect()
        world.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        world.advance(1.0)
        contexts = [call["meterValue"][0]["sampledValue"][0]["context"] for call in world.calls("MeterValues")]
        assert "Trigger" in contexts
