"""The set-up of a blank station, from a phone: five screens with eight fields, the same as `chargepoint setup` in a terminal.

Owns the screens and their order: the code, the Central System, the parts (`begin_parts`), the file with its verdict, the end.
Every answer is kept as soon as it is given (`draft`), so that a reload, a way back and a power cut lose nothing; what wants
devices or the settings file is done by others (`hands`).
"""

import hmac

from chargepoint.panel import now
from chargepoint.panel.begin_pieces import (
    CENTRAL,
    CHECK,
    KEY,
    PARTS,
    asked,
    cannot,
    draft_of,
    given_in,
    next_of,
    problems_of,
    screen,
    text_field,
    trouble_of,
)
from chargepoint.panel.checks import LEVELS
from chargepoint.panel.draft import Closed
from chargepoint.panel.guard import Role, TooManyTries
from chargepoint.panel.hands import Body, NoHands
from chargepoint.panel.html import Inside, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import notice, token_field
from chargepoint.panel.panel import BEGIN, COOKIE, ENDS, Answer, Panel, Request
from chargepoint.panel.words import Words
from chargepoint.setup import questions

DONE, NOTED = ENDS
DAY_S = 86_400
NONE = "none"


def add_to(panel: Panel) -> None:
    panel.get(BEGIN, code, None)
    panel.post(BEGIN, enter, None)
    panel.get(CENTRAL, central_system, "installer")
    panel.post(CENTRAL, keep_central_system)
    panel.post(f"{BEGIN}/test", test)
    panel.get(CHECK, check, "installer")
    panel.post(CHECK, take)
    panel.get(DONE, done, "installer")
    panel.post(NOTED, noted)


# 1: the code


async def code(panel: Panel, request: Request) -> Answer:
    if request.reader.role is not None:
        return Answer.see(next_of(draft_of(panel)))
    return _code(panel, request, None)


def _code(panel: Panel, request: Request, trouble: str | None, status: int = 200) -> Answer:
    t = request.words
    places = [t("code.card"), t("code.led"), t("code.console"), t("code.ssh")]
    made = tag(
        "form",
        trouble_of(trouble),
        tag("p", t("This station is not set up yet. It takes five steps; whatever you have answered is kept.")),
        tag("label", t("Code"), for_="code"),
        tag(
            "input",
            id="code",
            name="code",
            inputmode="numeric",
            autocomplete="one-time-code",
            maxlength=20,
            required=True,
            autofocus=True,
            aria_describedby="where",
        ),
        tag("button", t("Begin"), class_="main"),
        tag(
            "div",
            tag("p", t("The station shows it to whoever stands before it:")),
            tag("ul", [tag("li", place) for place in places]),
            class_="hint",
            id="where",
        ),
        method="post",
        action=BEGIN,
        class_="card narrow",
    )
    return screen(panel, request, 1, t("Set up this station"), made, status=status)


async def enter(panel: Panel, request: Request) -> Answer:
    t, draft = request.words, draft_of(panel)
    if not draft.has_code:
        return _code(panel, request, t("The station has made no code yet. Switch it off and on."), 503)
    try:
        cookie = draft.enter(panel.guard, request.form.get("code", ""), request.address)
    except TooManyTries as error:
        wait_s = int(error.wait_s) + 1
        return _code(panel, request, t("Too many tries. Wait {seconds} seconds.", seconds=wait_s), 429)
    except Closed:
        return _code(panel, request, t("Too many wrong codes. Switch the station off and on."), 429)
    if cookie is None:
        return _code(panel, request, t("This code is not right."), 401)
    answer = Answer.see(next_of(draft))
    answer.headers["Set-Cookie"] = panel.set_cookie(COOKIE, cookie, lasts_s=DAY_S)
    return answer


# 2: the Central System


async def central_system(panel: Panel, request: Request) -> Answer:
    draft = draft_of(panel)
    return _central_system(panel, request, draft.answers, None)


def _central_system(panel: Panel, request: Request, answers: Body, problems: Inside, status: int = 200) -> Answer:
    t, draft = request.words, draft_of(panel)
    known = bool(draft.answers.get("authorization_key"))  # not what was refused
    kept = t("It is set: leave the field empty to keep it, write none to remove it.") if known else None
    tested = draft.tested
    made = tag(
        "form",
        token_field(request.reader),
        problems,
        text_field(t, "url", questions.URL, answers, inputmode="url", required=True, placeholder="wss://cs.example.org/ocpp"),
        text_field(t, "identity", questions.IDENTITY, answers, required=True, placeholder="CK_0001"),
        tag(
            "p",
            t("The station dials"),
            " ",
            tag("code", tested.get("dials", ""), id="preview", data_url="url", data_identity="identity"),
            class_="hint",
        ),
        text_field(
            t,
            "authorization_key",
            KEY,
            {},
            kept,
            type="password",
            autocomplete="off",
            placeholder=t("set") if known else t("none"),
        ),
        tag(
            "p",
            tag("button", t("Continue"), class_="main"),  # the first one is what Enter means
            tag("button", t("Test the connection"), formaction=f"{BEGIN}/test", data_busy=t("Trying ...")),
            class_="actions",
        ),
        tag("p", t("Without the internet: continue, and test it later."), class_="hint"),
        _findings(t, tested),
        method="post",
        action=CENTRAL,
        class_="card narrow",
        autocapitalize="off",
    )
    return screen(panel, request, 2, t("Central System"), made, status=status)


def _findings(t: Words, tested: Body) -> Inside:
    """What the last test said, layer by layer."""
    findings = tested.get("findings")
    if not findings:
        return None
    fine = all(one.get("level") != "wrong" for one in findings)
    said = t("The Central System can be reached.") if fine else t("That does not work yet:")
    rows = []
    for one in findings:
        sign, kind = LEVELS.get(str(one.get("level")), ("·", "warn"))
        fix = tag("p", "→ ", str(one["fix"]), class_="hint") if one.get("fix") else None
        rows.append(tag("li", tag("span", f"{sign} ", class_=f"mark-{kind}", aria_hidden="true"), str(one.get("text")), fix))
    return tag("div", notice("good" if fine else "bad", tag("p", said)), tag("ul", rows, class_="steps"), id="tested")


async def keep_central_system(panel: Panel, request: Request) -> Answer:
    refused = await _keep_central_system(panel, request)
    return refused or Answer.see(PARTS)


async def test(panel: Panel, request: Request) -> Answer:
    draft = draft_of(panel)
    refused = await _keep_central_system(panel, request)
    if refused is not None:
        return refused
    answers = draft.answers
    told = await asked(request, draft, "dial", answers)
    draft.keep_test(str(draft.tested.get("dials", "")), [one for one in told["findings"] if isinstance(one, dict)])
    return Answer.see(f"{CENTRAL}#tested")


async def _keep_central_system(panel: Panel, request: Request) -> Answer | None:
    """Keeps the three answers where they are right; else the screen again, with what is wrong."""
    draft = draft_of(panel)
    given: Body = {name: given_in(request, name) for name in ("url", "identity")}
    key = given_in(request, "authorization_key")
    if key:
        given["authorization_key"] = "" if key == NONE else key
    told = await asked(request, draft, "check", given)
    if told["problems"]:
        return _central_system(panel, request, {**draft.answers, **given}, problems_of(request.words, told["problems"]), 422)
    before = draft.answers
    draft.answer(**given)
    if {**before, **given} != before:
        draft.keep_test(str(told["dials"]), [])
    return None


# 4: the file


async def check(panel: Panel, request: Request) -> Answer:
    draft = draft_of(panel)
    if (wanted := next_of(draft)) != CHECK:
        return Answer.see(wanted)
    return await _reviewed(panel, request)


async def _reviewed(panel: Panel, request: Request, trouble: str | None = None, status: int = 200) -> Answer:
    draft = draft_of(panel)
    return _check(panel, request, await asked(request, draft, "review", draft.whole()), trouble, status)


def _check(panel: Panel, request: Request, told: Body, trouble: str | None = None, status: int = 200) -> Answer:
    t, draft = request.words, draft_of(panel)
    fine = not told["problems"]
    verdict = notice("good", tag("p", t("These settings are fine"))) if fine else None
    shown = tag(
        "details",
        tag("summary", t("The settings file")),
        tag("pre", str(told.get("text", "")), class_="long", tabindex=0, role="region", aria_label=t("The settings file")),
    )
    made = tag(
        "form",
        token_field(request.reader),
        tag("input", type="hidden", name="of", value=draft.mark(request.cookie)),
        trouble_of(trouble),
        problems_of(t, told["problems"]),
        verdict,
        tag("p", t("The station dials"), " ", tag("code", str(draft.tested.get("dials", "")))),
        [notice("warn", tag("p", t(str(one)))) for one in told["remarks"]],
        shown if told.get("text") else None,
        tag(
            "p",
            tag("button", t("Validate and save"), class_="main", data_busy=t("Saving ...")) if fine else None,
            tag("a", t("Back"), href=PARTS, class_="button"),
            class_="actions",
        ),
        method="post",
        action=CHECK,
        class_="card",
    )
    return screen(panel, request, 4, t("Check and save"), made, status=status)


async def take(panel: Panel, request: Request) -> Answer:
    draft = draft_of(panel)
    if (wanted := next_of(draft)) != CHECK:
        return Answer.see(wanted)
    if not hmac.compare_digest(request.form.get("of", "").encode(), draft.mark(request.cookie).encode()):
        changed = request.words("The answers were changed meanwhile, on another phone perhaps. Look at them again.")
        return await _reviewed(panel, request, changed, 409)
    try:
        told = await draft.take(request.cookie)
    except NoHands as error:
        raise cannot(request, error) from error
    if not told["taken"]:
        return _check(panel, request, told, status=422)
    return Answer.see(DONE)


# 5: the end


async def done(panel: Panel, request: Request) -> Answer:
    t = request.words
    password = panel.guard.first_password()
    if password is None or panel.blank:
        return Answer.see("/")
    panel.station.watch()
    made = tag(
        "form",
        token_field(request.reader),
        tag("section", done_parts(t, "installer", panel.live.view)["summary"], id="summary", aria_live="polite"),
        tag("p", t("From now on this page asks for a password. It was made for this station, and nobody else knows it:")),
        tag("p", tag("code", password, id="first-password")),
        tag("p", t("Write it down: it is shown until you go on, and never again."), class_="hint"),
        tag("button", t("Noted; go to the station"), class_="main"),
        method="post",
        action=NOTED,
        class_="card narrow",
    )
    return screen(panel, request, 5, t("The station is set up"), made, topic="done")


def done_parts(t: Words, role: Role, view: View) -> Parts:
    return {"summary": now.parts(t, role, view)["summary"]}


async def noted(panel: Panel, request: Request) -> Answer:
    panel.guard.forget_first()
    return Answer.see("/")
