"""The acts: what happens on one evening at a charging station, each act with its own beginning and end.

An act leaves every connector free. `boot` is always the first; the others may be played alone and in any order.
"""

from functools import partial

from hil.demo.play import Act, Play
from hil.demo.routine import START_S, all_available, booked, charges, leave, tap_to_stop
from hil.demo.scene import Scene

DRIVER = "04A2B3C4"
NEIGHBOUR = "04D5E6F7"


async def boot(play: Play) -> None:
    """The station starts, registers and reports its connectors."""
    play.page.step("The station gets power.")
    await play.stage.power()
    scene = await play.until("the Central System accepts the station", lambda now: now.registration == "Accepted", START_S)
    await play.until("it knows every connector as Available", all_available)
    play.registers_wh = {number: scene.register_wh(number) for number in scene.numbers}


async def card(play: Play) -> None:
    """A card begins a session and ends it."""
    number, bench = play.connector(1), play.stage.bench
    session = await play.begins(number, DRIVER, "Local")
    play.page.step(f"A driver holds a card to the reader of connector {number}.")
    await bench.do("tap", id_tag=DRIVER, reader=number)
    await play.until(f"connector {number} is kept for the driver (Preparing)", lambda now: now.status(number) == "Preparing")
    play.page.step("The driver plugs the cable in.")
    await bench.do("plug", connector=number)
    await charges(play, number)
    await tap_to_stop(play, number, DRIVER)
    await play.ended(session)
    await booked(play)
    await leave(play, number)


async def remote(play: Play) -> None:
    """The Central System begins a session and ends it."""
    number, bench, system = play.connector(2), play.stage.bench, play.stage.system
    session = await play.begins(number, NEIGHBOUR, "Remote")
    play.page.step(f"A neighbour plugs in at connector {number} and starts with an app.")
    await bench.do("plug", connector=number)
    await play.until(f"connector {number} waits for somebody (Preparing)", lambda now: now.reported.get(number) == "Preparing")
    start = {"idTag": NEIGHBOUR, "connectorId": number}
    await system.ask("call", action="RemoteStartTransaction", payload=start)
    await charges(play, number)
    scene = await play.until("the station knows the transaction's id", lambda now: now.running_transaction(number) is not None)
    play.page.step("The app says stop.")
    stop = {"transactionId": scene.running_transaction(number)}
    await system.ask("call", action="RemoteStopTransaction", payload=stop)
    await play.until(f"the contactor of connector {number} is open", lambda now: not now.closed(number))
    await play.ended(session)
    await booked(play)
    await leave(play, number)


async def offline(play: Play) -> None:
    """A session begins and ends while there is no network, and is delivered afterwards."""
    number, bench, system = play.connector(1), play.stage.bench, play.stage.system
    await _known(play, number)
    play.page.step("The network fails.")
    await system.ask("offline")
    await play.until("the station has noticed that it is alone", lambda now: now.link not in ("", "connected"))
    session = await play.begins(number, DRIVER, "Local")
    play.page.step("The driver of before plugs in and shows the card; the station remembers it.")
    await bench.do("plug", connector=number)
    await play.until("the station sees the car", lambda now: now.status(number) == "Preparing")
    await bench.do("tap", id_tag=DRIVER, reader=number)
    await charges(play, number, online=False)
    await tap_to_stop(play, number, DRIVER)
    await play.ended(session)
    scene = await play.until("the session lies in the station's outbox", lambda now: (now.queued or 0) >= 2)
    await leave(play, number, online=False)
    play.page.step(f"The network comes back; {scene.queued} billing messages wait to be sent.")
    await system.ask("online")
    await play.until("the station is connected", lambda now: now.link == "connected")
    await booked(play)
    await play.until("it knows every connector as Available", all_available)


async def power(play: Play) -> None:
    """kill -9 in mid-charge: the contactor falls open, and after the restart nothing is lost."""
    number, bench = play.connector(2), play.stage.bench
    session = await play.begins(number, NEIGHBOUR, "PowerLoss")
    play.page.step(f"The neighbour plugs in at connector {number} and shows a card.")
    await bench.do("plug", connector=number)
    await play.until("the station sees the car", lambda now: now.status(number) == "Preparing")
    await bench.do("tap", id_tag=NEIGHBOUR, reader=number)
    await charges(play, number)
    play.page.step("The power fails: kill -9.")
    await play.stage.service.cut()
    await play.until("nobody holds the coil any more: the contactor is open", lambda now: not now.closed(number))
    await play.ended(session)
    play.page.step("The power comes back; the car is still plugged.")
    await play.stage.power()
    await play.until("the Central System accepts the station", lambda now: now.registration == "Accepted", START_S)
    await booked(play)
    await play.until(f"the contactor of connector {number} stayed open", lambda now: not now.closed(number))
    await leave(play, number)


CORE = (
    Act("boot", "The station boots", boot),
    Act("card", "A charge with a card: tap, plug, charge, tap", card),
    Act("remote", "A charge by remote control", remote),
    Act("offline", "A charge without a network, delivered afterwards", offline),
    Act("power", "A power cut in mid-charge", power),
)


async def _known(play: Play, number: int) -> None:
    """The driver's card must be one that the station met before: with a tap that is taken back, if no act did that."""
    if any(session.id_tag == DRIVER for session in play.sessions):
        return
    play.page.step("The driver shows the card and changes their mind.")
    for wanted in ("Preparing", "Available"):
        await play.stage.bench.do("tap", id_tag=DRIVER, reader=number)
        await play.until(f"connector {number} is {wanted}", partial(_is_known_as, number, wanted))


def _is_known_as(number: int, status: str, now: Scene) -> bool:
    return now.reported.get(number) == status
