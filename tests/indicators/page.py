"""The tables of docs/lights.md, made from the profiles: `python -m tests.indicators.page` writes them into the page."""

from pathlib import Path

from chargepoint.facts import Pattern, Refusal, Trouble
from drivers import indicators
from drivers.indicators import Blink, Count, Flash, Light, Look, Profile, Steady, Swell

PAGE = Path(__file__).parents[2] / "docs" / "lights.md"
BEGIN = "<!-- lights: written by python -m tests.indicators.page -->"
END = "<!-- end of lights -->"

REFUSALS = {
    Refusal.UNKNOWN: "This card is not known",
    Refusal.UNKNOWN_OFFLINE: "This card is not known here, and the Central System cannot be asked",
    Refusal.BLOCKED: "This card is blocked",
    Refusal.EXPIRED: "This card has expired",
    Refusal.CONCURRENT: "This card charges elsewhere already",
    Refusal.RESERVED: "Reserved for somebody else",
    Refusal.OUT_OF_SERVICE: "Out of service",
    Refusal.NO_VEHICLE: "No car was plugged in time",
    Refusal.OCCUPIED: "Somebody else is charging",
}
TROUBLES = {
    Trouble.GROUND_FAULT: "The residual current device has tripped: call the operator",
    Trouble.EMERGENCY_STOP: "Emergency stop: release it when all is well",
    Trouble.VEHICLE: "The car or its cable is not understood: unplug, and plug in again",
    Trouble.OVER_CURRENT: "The car took more than it was offered: unplug",
    Trouble.LOCK: "The plug cannot be locked: pull it out, and push it in fully",
    Trouble.CONTACTOR: "The contactor does not obey: do not unplug by force, call the operator",
    Trouble.METER: "The energy meter does not answer: wait, or call the operator",
    Trouble.TOO_HOT: "Too hot: wait",
    Trouble.STATION: "Something in the station: call the operator",
}


def words(light: Light) -> str:
    """What a light does, for somebody who stands before it."""
    match light:
        case Steady():
            return "steady"
        case Flash(steps_ms=steps_ms):
            return _flash(steps_ms)
        case Swell(period_ms=period_ms, rise_percent=rise_percent):
            return f"{'breathes' if rise_percent == 50 else 'pulses'}, {period_ms / 1000:g} s each"
        case Blink():
            return "blinks twice, then steady"
        case Count(answer=True):
            return "flashes to be counted"
        case Count():
            return "one long flash, then flashes to be counted"


def _flash(steps_ms: tuple[int, ...]) -> str:
    light_ms, dark_ms, number = steps_ms[::2], steps_ms[1::2], len(steps_ms) // 2
    every = f"every {sum(steps_ms) / 1000:g} s"
    if max(light_ms) > 2 * max(dark_ms):
        return f"steady, dark for {'an instant' if number == 1 else f'{number} instants'} {every}"
    if sum(steps_ms) < 500:
        return "fast flashes"
    if light_ms == dark_ms:
        return f"on and off, {light_ms[0] / 1000:g} s each"
    return f"{'a flash' if number == 1 else f'{number} flashes'} {every}"


def tables() -> str:
    lines: list[str] = []
    for name in indicators.names():
        lines += _of_profile(name, indicators.load(name))
    lines += ["### Refused: the flashes", "", "| flashes | why |", "|---|---|"]
    lines += [f"| {number} | {REFUSALS[refusal]} |" for number, refusal in enumerate(Refusal, 1)]
    lines += ["", "### Out of order: the flashes after the long one", "", "| flashes | what |", "|---|---|"]
    lines += [f"| {number} | {TROUBLES[trouble]} |" for number, trouble in enumerate(Trouble, 1)]
    return "\n".join(lines) + "\n"


def _of_profile(name: str, profile: Profile) -> list[str]:
    head = [
        f'### {profile.title}: `profile = "{name}"`',
        "",
        profile.words,
        "",
        "| light | | sound | means |",
        "|---|---|---|---|",
    ]
    return [*head, *(_row(profile.patterns[pattern]) for pattern in Pattern), ""]


def _row(look: Look) -> str:
    dim = "dim " if look.brightness_percent < 50 else ""
    return f"| {dim}{look.colour} | {words(look.light)} | {look.sound or ''} | {look.means} |"


def with_tables(page: str) -> str:
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
