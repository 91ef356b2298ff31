"""Set-up, continued: tests of lamp and contactor, the doctor's findings, passwords."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from chargepoint.panel.guard import PASSWORD_MAX, PASSWORD_MIN, ROLES, Role, TooManyTries
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import amount, button, facts, notice, token_field
from chargepoint.panel.panel import COOKIE, Answer, Panel, Request, Wrong
from chargepoint.panel.setup import as_json, tabs
from chargepoint.panel.words import Words
from chargepoint.processes import command, environment

log = logging.getLogger(__name__)

DOCTOR_S = 60.0
QR_S = 10.0
FINDINGS_MAX = 200
PATTERNS = (
    "available",
    "card_wanted",
    "asking",
    "accepted",
    "refused",
    "plug_wanted",
    "charging",
    "suspended_ev",
    "suspended_evse",
    "finishing",
    "reserved",
    "unavailable",
    "faulted",
)
_one_doctor = asyncio.Lock()


def add_to(panel: Panel) -> None:
    panel.get("/setup/tests", tests, "installer")
    panel.post("/do/test-contactor", test_contactor)
    panel.post("/do/test-light", test_light)
    panel.get("/setup/doctor", doctor, "installer")
    panel.post("/setup/doctor", examine)
    panel.get("/setup/access", access, "installer")
    panel.post("/setup/access", change_password)
    panel.get("/setup/qr.svg", qr, "installer")


# Tests


async def tests(panel: Panel, request: Request) -> Answer:
    t, view = request.words, panel.live.view
    if view.status is None or view.away is not None:
        panel.live.hear({"event": "status", **await panel.station.ask("status")})
    made = parts(t, "installer", view)
    cards = [tag("article", part, id=name, class_="card") for name, part in made.items() if name.startswith("test-")]
    return panel.page(request, t("Tests"), tabs(t, "/setup/tests"), tag("div", cards, class_="cards"), topic="tests")


def parts(t: Words, role: Role, view: View) -> Parts:
    connectors = (view.status or {}).get("connectors") or {}
    names = sorted(connectors, key=lambda name: (len(name), name))
    return {f"test-{name}": _test(t, name, connectors[name], view) for name in names}


def _test(t: Words, name: str, one: Mapping[str, Any], view: View) -> Html:
    trial = one.get("trial") or {}
    result = t(f"trial.{trial['result']}") if trial else t("not tested yet")
    light = f"light-{name}"
    options = [tag("option", t(f"light.{pattern}"), value=pattern) for pattern in PATTERNS]
    ask = t(
        "The contactor of connector {name} closes for about a second: there will be mains voltage at the plug. "
        "Nothing may be plugged in, and nobody may touch it.",
        name=name,
    )
    show = tag(
        "button",
        t("Show the light"),
        type="button",
        data_post="/do/test-light",
        data_fields=f"connector={name}",
        data_with=light,
    )
    return joined(
        (
            tag("h2", t("Connector {name}", name=name)),
            tag("p", t("The service is away."), class_="banner warn") if view.away is not None else None,
            facts(
                (t("Car"), t(f"pilot.{one['pilot']}") if one.get("pilot") else t("not known")),
                (t("Contactor"), t(f"contactor.{one['contactor']}") if one.get("contactor") else t("not known")),
                (t("Last test"), result),
                (t("Closed after"), _milliseconds(t, trial.get("closed_after_s"))),
                (t("Opened after"), _milliseconds(t, trial.get("opened_after_s"))),
                (t("Switched so far"), t("{count} times", count=one.get("cycles") or 0)),
            ),
            tag(
                "p",
                button(t("Test the contactor"), "/do/test-contactor", confirm=ask, kind="danger", connector=name),
                class_="actions",
            ),
            tag("label", t("Light"), for_=light),
            tag("select", options, id=light, name="pattern"),
            tag("p", show, class_="actions"),
        )
    )


def _milliseconds(t: Words, seconds: object) -> str | None:
    return amount(t, seconds * 1000, 0, "ms") if isinstance(seconds, int | float) else None


async def test_contactor(panel: Panel, request: Request) -> Answer:
    await panel.station.ask("test_contactor", connector=request.number("connector"))
    return Answer.told({"text": request.words("The contactor closes for a moment.")})


async def test_light(panel: Panel, request: Request) -> Answer:
    number = request.number("connector")
    pattern = request.form.get(f"light-{number}", "")
    if pattern not in PATTERNS:
        raise Wrong(request.words("There is no such light."))
    await panel.station.ask("test_light", connector=number, pattern=pattern)
    return Answer.told({"text": request.words("The light is shown for three seconds.")})


# The doctor


async def doctor(panel: Panel, request: Request) -> Answer:
    return _doctor_page(panel, request, None)


def _doctor_page(panel: Panel, request: Request, told: Inside) -> Answer:
    t = request.words
    begin = tag(
        "form",
        token_field(request.reader),
        tag(
            "p",
            t("The doctor looks at every part of the station, from its settings to the Central System. It changes nothing."),
        ),
        tag("button", t("Examine the station"), class_="main"),
        method="post",
        action="/setup/doctor",
        class_="card",
    )
    return panel.page(request, t("Doctor"), tabs(t, "/setup/doctor"), begin, told)


async def examine(panel: Panel, request: Request) -> Answer:
    t = request.words
    if _one_doctor.locked():
        raise Wrong(t("The doctor is at work already."), 409)
    async with _one_doctor:
        told = as_json(await _said("doctor", "--json", *_config(panel), within_s=DOCTOR_S))
    if not isinstance(told, dict) or not isinstance(told.get("findings"), list):
        raise Wrong(t("The doctor did not answer. On the station itself: chargepoint doctor"), 502)
    findings = [one for one in told["findings"] if isinstance(one, dict)][:FINDINGS_MAX]
    findings.sort(
        key=lambda one: ("wrong", "remark", "skipped", "ok").index(str(one.get("level"))) if one.get("level") in LEVELS else 9
    )
    kind = "good" if told.get("ok") else "bad"
    made = tag("section", tag("ul", [_finding(t, one) for one in findings], class_="steps"), class_="card")
    return _doctor_page(panel, request, (notice(kind, tag("p", str(told.get("verdict")), class_="sentence")), made))


LEVELS = {"ok": ("✓", "good"), "remark": ("!", "warn"), "wrong": ("✗", "bad"), "skipped": ("·", "warn")}


def _finding(t: Words, one: Mapping[str, Any]) -> Html:
    sign, kind = LEVELS.get(str(one.get("level")), ("·", "warn"))
    where = f" {one['where']}" if one.get("where") else ""
    return tag(
        "li",
        tag("span", f"{sign} ", class_=f"mark-{kind}", aria_hidden="true"),
        tag("strong", t(f"level.{one.get('level')}"), f" · {one.get('part')}{where}: "),
        str(one.get("text")),
        tag("p", "→ ", str(one["fix"]), class_="hint") if one.get("fix") else None,
    )


# Passwords, and the way to the driver's page


async def access(panel: Panel, request: Request) -> Answer:
    return _access_page(panel, request, None)


def _access_page(panel: Panel, request: Request, told: Inside, status: int = 200) -> Answer:
    t = request.words
    roles = {"installer": t("Installer: may change everything"), "viewer": t("Viewer: may look and change nothing")}
    options = [tag("option", roles[role], value=role) for role in ROLES]
    viewer = (
        t("There is a password for viewers.") if panel.guard.has_password("viewer") else t("There is no password for viewers.")
    )
    made = tag(
        "form",
        token_field(request.reader),
        tag("h2", t("Passwords")),
        tag("p", viewer, class_="hint"),
        tag("label", t("Whose password"), for_="role"),
        tag("select", options, id="role", name="role"),
        tag("label", t("New password, at least {count} characters", count=PASSWORD_MIN), for_="new"),
        tag("input", type="password", id="new", name="new", autocomplete="new-password", required=True, minlength=PASSWORD_MIN),
        tag("label", t("The installer's present password"), for_="old"),
        tag("input", type="password", id="old", name="old", autocomplete="current-password", required=True),
        tag("button", t("Change"), class_="main"),
        method="post",
        action="/setup/access",
        class_="card",
    )
    drivers: Inside = tag("p", t("The public page for drivers is switched off: driver_page in [panel]."), class_="hint")
    if panel.driver_page:
        drivers = (
            tag("p", tag("a", t("The page for drivers"), href="/driver")),
            tag("img", src="/setup/qr.svg", alt=t("QR code of the page for drivers"), class_="qr", width=256, height=256),
            tag(
                "p",
                t("It holds the address by which you see this page now. Print it with: chargepoint panel --qr"),
                class_="hint",
            ),
        )
    return panel.page(
        request,
        t("Access"),
        tabs(t, "/setup/access"),
        told,
        tag("div", made, tag("section", tag("h2", t("Drivers")), drivers, class_="card"), class_="cards"),
        status=status,
    )


async def change_password(panel: Panel, request: Request) -> Answer:
    t = request.words
    role = next((role for role in ROLES if role == request.form.get("role")), None)
    if role is None:
        raise Wrong(t("There is no such role."))
    try:
        trouble = await panel.guard.change(request.form.get("old", ""), request.form.get("new", ""), role, request.address)
    except TooManyTries as error:
        trouble, values = "Too many tries. Wait {seconds} seconds.", {"seconds": int(error.wait_s) + 1}
        return _access_page(panel, request, notice("bad", tag("p", t(trouble, **values))), 429)
    if trouble is not None:
        return _access_page(panel, request, notice("bad", tag("p", t(trouble, least=PASSWORD_MIN, most=PASSWORD_MAX))), 403)
    if role == "installer":  # every session of the role has ended, this one too
        answer = Answer.see("/login")
        answer.headers["Set-Cookie"] = panel.set_cookie(COOKIE, "", lasts_s=0)
        return answer
    return _access_page(panel, request, notice("good", tag("p", t("The password is changed."))))


async def qr(panel: Panel, request: Request) -> Answer:
    place = f"{'https' if panel.secure else 'http'}://{request.host}"
    drawn = await _said("panel", "--qr-svg", "-", "--address", place, *_config(panel), within_s=QR_S)
    if "<svg" not in drawn:
        raise Wrong(request.words("There is no QR code: the package segno is missing."), 503)
    return Answer(drawn[drawn.index("<svg") :], 200, {"Content-Type": "image/svg+xml"})


def _config(panel: Panel) -> tuple[str, ...]:
    return ("--config", panel.config) if panel.config else ()


async def _said(*words: str, within_s: float) -> str:
    """What a command of this program prints, in a process of its own: what it needs is gone with it. Empty where it hung."""
    process = await asyncio.create_subprocess_exec(
        *command(*words),
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(within_s):
            said, _ = await process.communicate()
    except TimeoutError:
        log.warning("chargepoint %s took longer than %g s", words[0], within_s)
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode("utf-8", "replace")
