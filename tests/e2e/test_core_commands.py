"""The commands against a station that runs, and against one that does not."""

import csv
import io
import json

from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD


async def test_status_and_ledger_with_the_service_and_without(rigs: Rigs) -> None:
    rig = await rigs(speed=1000)
    config = ("--config", str(rig.config))
    assert (await rig.command("status", *config))[0] == 3
    await rig.boot()
    await rig.charging()
    await rig.grows(1_000)
    status, out, _ = await rig.command("status", *config)
    assert (status, "Charging" in out, rig.cs.url in out) == (0, True, True)
    status, out, _ = await rig.command("status", "--json", *config)
    seen = json.loads(out)["connectors"]["1"]
    assert (status, seen["status"], seen["contactor"], seen["session"]["transaction_id"]) == (0, "Charging", "closed", 1)
    await rig.bench.do("tap", id_tag=CARD)
    (row,) = await rig.delivered()
    running = [await rig.command("ledger", form, *config) for form in ("--json", "--csv")]
    assert rig.process is not None
    await rig.process.terminate()
    stopped = [await rig.command("ledger", form, *config) for form in ("--json", "--csv")]
    assert running == stopped
    (session,) = json.loads(running[0][1])
    billed = (row.id_tag, row.meter_start_wh, row.meter_stop_wh, row.transaction_id, "confirmed", "confirmed")
    names = ("id_tag", "meter_start_wh", "meter_stop_wh", "transaction_id", "start_delivery", "stop_delivery")
    assert tuple(session[name] for name in names) == billed
    (line,) = csv.DictReader(io.StringIO(running[1][1]))
    assert tuple(line[name] for name in names) == tuple(map(str, billed))
    assert (await rig.command("dead-letters", *config))[:2][0] == 0
    assert (await rig.command("status", *config))[0] == 3
    rig.clean()


async def test_every_command_explains_itself(rigs: Rigs) -> None:
    rig = await rigs()
    for command in ("run", "check-config", "status", "ledger", "dead-letters"):
        status, out, err = await rig.command(command, "--help")
        assert (status, err) == (0, "")
        assert "example" in out
    status, _, err = await rig.command("fly")
    assert (status, "invalid choice: 'fly'" in err) == (2, True)
