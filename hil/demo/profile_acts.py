"""The acts of `--profiles`: local list, reservation and smart charging; those of firmware and diagnostics are in `upkeep_acts`.

Each leaves every connector free and may be played alone, as those in `acts`.
"""

import math
import time
from functools import partial

from hil.csms.times import to_iso
from hil.demo import steps
from hil.demo.acts import CORE, NEIGHBOUR
from hil.demo.play import Act, Play
from hil.demo.routine import all_available, booked, charges, leave, tap_to_stop
from hil.demo.scene import Scene
from hil.demo.upkeep_acts import UPKEEP

RESIDENT, BARRED = "04A1B1C1D1E1F1", "04A9B9C9D9E9F9"  # on the local list, and never shown before
LISTED = {RESIDENT: "Accepted", "04A2B2C2D2E2F2": "Accepted", "04A3B3C3D3E3F3": "Expired", BARRED: "Blocked"}
LIST_VERSION = 7
HOLDER, STRANGER = "04C0FFEE", "04BADBAD"
RESERVATION, RESERVED_S = 42, 600.0
ENERGY_WH = 500
DEFAULT_A = 20.0
STEPS_A = (16.0, 4.0, 10.0)
STEP_S = 2
SOON_S = 2
LOOK_AHEAD_S = 12
DEFAULT_PROFILE, TX_PROFILE = 1, 2


async def local_list(play: Play) -> None:
    """A list is sent; without a network, who is on it charges and who is barred there is refused."""
    number, bench, system = play.connector(1), play.stage.bench, play.stage.system
    play.page.step("The Central System sends a list of cards.")
    entries = [{"idTag": tag, "idTagInfo": {"status": status}} for tag, status in LISTED.items()]
    await play.call("SendLocalList", "Accepted", listVersion=LIST_VERSION, updateType="Full", localAuthorizationList=entries)
    version = (await play.call("GetLocalListVersion"))["listVersion"]
    await play.check(f"the station has list version {LIST_VERSION}", version == LIST_VERSION, f"it has version {version}")
    play.page.step("The network fails.")
    await system.ask("offline")
    await play.until("the station has noticed that it is alone", lambda now: now.link not in ("", "connected"))
    play.page.step("A card that is barred by the list is shown.")
    await _refused(play, number, BARRED, "Available")
    log = play.stage.service.tail()
    await play.check("the list is why", "refused: Blocked by list" in log, "the station's log gives another reason")
    session = await play.begins(number, RESIDENT, "Local")
    play.page.step("A resident whom the station has never met plugs in and shows a card.")
    await bench.do("plug", connector=number)
    await play.until("the station sees the car", lambda now: now.status(number) == "Preparing")
    await bench.do("tap", id_tag=RESIDENT, reader=number)
    await charges(play, number, online=False, energy_wh=ENERGY_WH)
    await tap_to_stop(play, number, RESIDENT)
    await play.ended(session)
    await leave(play, number, online=False)
    play.page.step("The network comes back.")
    await system.ask("online")
    await booked(play)
    await play.until("it knows every connector as Available", all_available)
    play.shown += [f"version {version}, {len(LISTED)} cards", "offline: listed card charged, blocked card refused"]


async def reservation(play: Play) -> None:
    """A connector is kept for its holder, and for nobody else, until the holder has charged."""
    number, bench = play.connector(1), play.stage.bench
    play.page.step(f"Somebody reserves connector {number} with an app.")
    until = to_iso(time.time() + RESERVED_S)
    order = {"connectorId": number, "expiryDate": until, "idTag": HOLDER, "reservationId": RESERVATION}
    await play.call("ReserveNow", "Accepted", **order)
    await play.until(f"connector {number} is Reserved", lambda now: now.reported.get(number) == "Reserved")
    play.page.step("Somebody else shows a card.")
    await _refused(play, number, STRANGER, "Reserved")
    session = await play.begins(number, HOLDER, "Local")
    play.page.step("The holder comes, shows the card and plugs in.")
    await bench.do("tap", id_tag=HOLDER, reader=number)
    await play.until("the holder's card is taken (Preparing)", lambda now: now.status(number) == "Preparing")
    await bench.do("plug", connector=number)
    await charges(play, number, energy_wh=ENERGY_WH)
    row = (await play.stage.look(books=True)).rows[-1]
    booked_as = f"reservationId {row['reservation_id']}"
    await play.check(f"StartTransaction carries reservationId {RESERVATION}", row["reservation_id"] == RESERVATION, booked_as)
    await tap_to_stop(play, number, HOLDER)
    await play.ended(session)
    await booked(play)
    await leave(play, number)
    await play.call("CancelReservation", "Rejected", reservationId=RESERVATION)  # there is nothing left to cancel
    play.shown += ["Reserved, stranger refused", f"holder charged with {booked_as}, Reserved cleared"]


async def charging_profile(play: Play) -> None:
    """The steps of a profile, one of them too small to charge with, as the bench sees them in the offered current."""
    number, bench, system = play.connector(2), play.stage.bench, play.stage.system
    play.page.step(f"The Central System allows {DEFAULT_A:g} A for every transaction of connector {number}.")
    await play.call("SetChargingProfile", "Accepted", connectorId=number, csChargingProfiles=_default_profile())
    session = await play.begins(number, NEIGHBOUR, "Remote")
    play.page.step("A neighbour plugs in and starts with an app.")
    await bench.do("plug", connector=number)
    await play.until("the station sees the car", lambda now: now.status(number) == "Preparing")
    await play.call("RemoteStartTransaction", "Accepted", idTag=NEIGHBOUR, connectorId=number)
    await play.until(f"{DEFAULT_A:g} A are offered and current flows", partial(_offers, number, DEFAULT_A))
    scene = await play.until("the station knows the transaction's id", lambda now: now.running_transaction(number) is not None)
    transaction = scene.running_transaction(number)
    async with steps.watched(play.stage, number) as seen:
        await _steps(play, number, transaction, seen)
    play.page.step("The app says stop; the profiles are taken back.")
    await play.call("RemoteStopTransaction", "Accepted", transactionId=transaction)
    await play.until(f"the contactor of connector {number} is open", lambda now: not now.closed(number))
    await play.ended(session)
    await booked(play)
    await leave(play, number)
    await play.call("ClearChargingProfile", "Accepted", id=DEFAULT_PROFILE)
    answer = await system.ask("call", action="ClearChargingProfile", payload={})
    gone = answer["answer"].get("status") == "Unknown"
    await play.check("no profile is left: that of the transaction has ended with it", gone, f"answered was {answer['answer']}")


async def _steps(play: Play, number: int, transaction: int | None, seen: list[steps.Step]) -> None:
    """Sets the profile of the transaction and follows the offer until the last step is over."""
    begin_s = math.ceil(time.time()) + SOON_S
    play.page.step(f"For this transaction: {', '.join(f'{one:g}' for one in STEPS_A)} A, {STEP_S} s each, then as before.")
    profile = _tx_profile(transaction, begin_s)
    await play.call("SetChargingProfile", "Accepted", connectorId=number, csChargingProfiles=profile)
    asked = {"connectorId": number, "duration": LOOK_AHEAD_S, "chargingRateUnit": "A"}
    composite = await play.call("GetCompositeSchedule", "Accepted", **asked)
    due = steps.expected(composite)
    limits_a = [DEFAULT_A, *(one if one >= steps.CHARGE_A_MIN else 0.0 for one in STEPS_A), DEFAULT_A]
    starts_s = [begin_s + STEP_S * place for place in range(len(STEPS_A) + 1)]
    wanted = [steps.Step(at_s, current_a) for at_s, current_a in zip(starts_s, limits_a[1:], strict=True)]
    agrees = [one.current_a for one in due] == limits_a and due[1:] == wanted
    await play.check(f"GetCompositeSchedule tells {steps.told(due)}", agrees, f"wanted was {due[:1] + wanted}")
    for current_a in STEPS_A:
        if current_a < steps.CHARGE_A_MIN:
            await play.until(
                f"{current_a:g} A are too little: SuspendedEVSE, the contactor is open", partial(_suspended, number)
            )
        else:
            await play.until(f"{current_a:g} A are offered and current flows", partial(_offers, number, current_a))
    await play.until(f"{DEFAULT_A:g} A are offered and current flows", partial(_offers, number, DEFAULT_A))
    await play.until("the Central System knows it as Charging", lambda now: now.reported.get(number) == "Charging")
    wrong = steps.differences(wanted, seen)
    await play.check("the bench saw what the composite schedule told, when it told", not wrong, "; ".join(wrong))
    latest_s = max(now.at_s - due.at_s for due, now in zip(wanted, seen, strict=True))
    play.shown += [f"offered {steps.told([due[0], *seen])}", f"at most {latest_s:.2f} s after the composite schedule"]


async def _refused(play: Play, number: int, id_tag: str, status: str) -> None:
    await play.stage.bench.do("tap", id_tag=id_tag, reader=number)
    await play.until(f"the lamp of connector {number} says no", lambda now: now.outlet(number)["indicator"] == "refused")
    await play.until(f"connector {number} stays {status}", lambda now: now.status(number) == status and not now.session(number))


def _offers(number: int, current_a: float, now: Scene) -> bool:
    return bool(now.outlet(number)["offered_current_a"] == current_a and now.closed(number) and now.flows(number))


def _suspended(number: int, now: Scene) -> bool:
    nothing = now.outlet(number)["offered_current_a"] == 0
    return nothing and not now.closed(number) and now.reported.get(number) == "SuspendedEVSE"


def _default_profile() -> dict[str, object]:
    return {
        "chargingProfileId": DEFAULT_PROFILE,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": DEFAULT_A}],
        },
    }


def _tx_profile(transaction: int | None, begin_s: int) -> dict[str, object]:
    periods = [{"startPeriod": STEP_S * place, "limit": current_a} for place, current_a in enumerate(STEPS_A)]
    return {
        "chargingProfileId": TX_PROFILE,
        "transactionId": transaction,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": to_iso(begin_s),
            "duration": STEP_S * len(STEPS_A),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }


PROFILES = (
    CORE[0],
    Act("list", "A local list, and a charge by it without a network", local_list),
    Act("reservation", "A reservation", reservation),
    Act("charging", "A charging profile, step by step", charging_profile),
    *UPKEEP,
)
