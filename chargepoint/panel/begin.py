"""The set-up of a blank station, from a phone: five screens with eight fields, the same as `chargepoint setup` in a terminal.

Owns the screens and their order: the code, the Central System, the parts, the file with its verdict, the end. Every answer is
kept as soon as it is given (`draft`), so that a reload, a way back and a power cut lose nothing; what wants devices or the
settings file is done by others (`hands`).
"""

from collections.abc import Mapping
from typing import Any

from chargepoint.panel import now
from chargepoint.panel.checks import LEVELS
from chargepoint.panel.draft import Closed, Draft
from chargepoint.panel.guard import Role, TooManyTries
from chargepoint.panel.hands import Body, NoHands
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import notice, token_field
from chargepoint.panel.panel import BEGIN, COOKIE, ENDS, Answer, Panel, Request, Wrong
from chargepoint.panel.words import Words
from chargepoint.setup import questions
from chargepoint.setup.questions import KINDS, Question

CENTRAL, PARTS, CHECK = f"{BEGIN}/central-system", f"{BEGIN}/parts", f"{BEGIN}/check"
DONE, NOTED = ENDS
SCREENS = 5
DAY_S = 86_400
NONE = "none"
TEXT_MAX = 2_000


def add_to(panel: Panel) -> None:
    panel.get(BEGIN, code, None)
    panel.post(BEGIN, enter, None)
    panel.get(CENTRAL, central_system, "installer")
    panel.post(CENTRAL, keep_central_system)
    panel.post(f"{BEGIN}/test", test)
    panel.get(PARTS, parts, "installer")
    panel.post(PARTS, keep_parts)
    panel.post(f"{BEGIN}/search", search)
    panel.get(CHECK, check, "installer")
    panel.post(CHECK, take)
    panel.get(DONE, done, "installer")
    panel.post(NOTED, noted)


def _draft(panel: Panel) -> Draft:
    assert panel.draft is not None, "the panel lets nobody here without one"
    return panel.draft


def _next(draft: Draft) -> str:
    """The first screen that wants something."""
    answers = draft.answers
    return CENTRAL if "url" not in answers else PARTS if "meters" not in answers else CHECK


# 1: the code


async def code(panel: Panel, request: Request) -> Answer:
    if request.reader.role is not None:
        return Answer.see(_next(_draft(panel)))
    return _code(panel, request, None)


def _code(panel: Panel, request: Request, trouble: str | None, status: int = 200) -> Answer:
    t = request.words
    places = [t("code.card"), t("code.led"), t("code.console"), t("code.ssh")]
    made = tag(
        "form",
        _trouble(trouble),
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
    return _screen(panel, request, 1, t("Set up this station"), made, status=status)


async def enter(panel: Panel, request: Request) -> Answer:
    t, draft = request.words, _draft(panel)
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
    answer = Answer.see(_next(draft))
    answer.headers["Set-Cookie"] = panel.set_cookie(COOKIE, cookie, lasts_s=DAY_S)
    return answer


# 2: the Central System


async def central_system(panel: Panel, request: Request) -> Answer:
    draft = _draft(panel)
    return _central_system(panel, request, draft.answers, None)


def _central_system(panel: Panel, request: Request, answers: Body, problems: Inside, status: int = 200) -> Answer:
    t, draft = request.words, _draft(panel)
    kept = t("set; leave empty to keep it, none removes it") if answers.get("authorization_key") else t("none")
    tested = draft.tested
    made = tag(
        "form",
        token_field(request.reader),
        problems,
        _text(t, "url", questions.URL, answers, inputmode="url", required=True, placeholder="wss://cs.example.org/ocpp"),
        _text(t, "identity", questions.IDENTITY, answers, required=True, placeholder="CK_0001"),
        tag(
            "p",
            t("The station dials"),
            " ",
            tag("code", tested.get("dials", ""), id="preview", data_url="url", data_identity="identity"),
            class_="hint",
        ),
        _text(t, "authorization_key", questions.KEY, {}, type="password", autocomplete="off", placeholder=kept),
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
    return _screen(panel, request, 2, t("Central System"), made, status=status)


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
    draft = _draft(panel)
    refused = await _keep_central_system(panel, request)
    if refused is not None:
        return refused
    answers = draft.answers
    told = await _asked(request, draft, "dial", answers)
    draft.keep_test(str(draft.tested.get("dials", "")), [one for one in told["findings"] if isinstance(one, dict)])
    return Answer.see(f"{CENTRAL}#tested")


async def _keep_central_system(panel: Panel, request: Request) -> Answer | None:
    """Keeps the three answers where they are right; else the screen again, with what is wrong."""
    draft = _draft(panel)
    given: Body = {name: _given(request, name) for name in ("url", "identity")}
    key = _given(request, "authorization_key")
    if key:
        given["authorization_key"] = "" if key == NONE else key
    told = await _asked(request, draft, "check", given)
    if told["problems"]:
        return _central_system(panel, request, {**draft.answers, **given}, _problems(told["problems"]), 422)
    before = draft.answers
    draft.answer(**given)
    if {**before, **given} != before:
        draft.keep_test(str(told["dials"]), [])
    return None


# 3: the parts


async def parts(panel: Panel, request: Request) -> Answer:
    draft = _draft(panel)
    if not draft.found and not draft.searching:
        draft.look()
    return _parts(panel, request, draft.answers, None)


def _parts(panel: Panel, request: Request, answers: Body, problems: Inside, status: int = 200) -> Answer:
    t, draft = request.words, _draft(panel)
    kind = answers.get("kind", questions.KIND.default)
    options = [tag("option", t(text), value=name, selected=name == kind) for name, text in KINDS.items()]
    made = tag(
        "form",
        token_field(request.reader),
        problems,
        tag("label", t(questions.KIND.label), for_="kind"),
        tag("select", options, id="kind", name="kind"),
        tag("div", _found(t, draft, answers), id="found"),
        _text(t, "current_a_max", questions.CURRENT, {"current_a_max": _ampere(answers)}, inputmode="decimal", required=True),
        tag(
            "p",
            tag("button", t("Continue"), class_="main"),
            tag("button", t("Search again"), formaction=f"{BEGIN}/search"),
            tag("a", t("Back"), href=CENTRAL, class_="button"),
            class_="actions",
        ),
        method="post",
        action=PARTS,
        class_="card narrow",
    )
    return _screen(panel, request, 3, t("Parts of the station"), made, topic="search", status=status)


def _ampere(answers: Body) -> str:
    value = answers.get("current_a_max", questions.CURRENT.default)
    return f"{value:g}" if isinstance(value, float) else str(value)


def search_parts(draft: Draft | None, t: Words, role: Role, view: View) -> Parts:
    """The live part of the screen: what the search has come to."""
    return {} if draft is None else {"found": _found(t, draft, draft.answers)}


def _found(t: Words, draft: Draft, answers: Body) -> Html:
    found = draft.found
    if draft.searching:
        said = tag(
            "div",
            tag("p", t("Looking for meters and readers. It takes about 15 seconds a line.")),
            tag("p", draft.progress, class_="hint"),
            class_="banner warn",
            role="status",
        )
    elif draft.trouble or not found.get("meters"):
        why = [tag("p", text) for text in (draft.trouble, *found.get("trouble", ())) if text]
        said = notice("warn", tag("p", t("No meter answers. Is it powered, are A and B the right way round?")), why)
    else:
        said = notice("good", tag("p", t("Found: {count} times a meter.", count=len(found["meters"]))))
    meters = _options(t, _meters(found), (answers.get("meters") or [None])[0])
    readers = _options(t, _readers(t, found), answers.get("reader"))
    return joined(
        (
            said,
            tag("label", t(questions.METER.label), for_="meter"),
            tag("select", meters, id="meter", name="meter"),
            tag("label", t(questions.READER.label), for_="reader"),
            tag("select", readers, id="reader", name="reader"),
        )
    )


Choices = dict[str, tuple[str, Body]]  # what a form says: what is shown, and the answer that it is


def _meters(found: Body) -> Choices:
    """Those that answered, then every map for one that did not."""
    made: Choices = {}
    for at, one in enumerate(found.get("meters", ())):
        made[f"found-{at}"] = (str(one["shown"]), one["answer"])
    for one in sorted(found.get("maps", ()), key=lambda one: one["shown"] != questions.METER.default):
        made[f"map-{one['shown']}"] = (f"{one['shown']}, {one['answer']['port']}", one["answer"])
    return made


def _readers(t: Words, found: Body) -> Choices:
    made: Choices = {}
    for at, one in enumerate((*found.get("readers", ()), *found.get("usual_readers", ()))):
        shown = t("no reader") if one["driver"] == NONE else f"{one['driver']}, {one['place']}"
        if shown not in [known for known, _ in made.values()]:
            made[f"reader-{at}"] = (shown, one)
    return made


def _options(t: Words, choices: Choices, chosen: Body | None) -> list[Html]:
    if not choices:
        return [tag("option", t("one moment, please"), value="")]
    known = [answer for _, answer in choices.values()]
    at = known.index(chosen) if chosen in known else 0
    return [
        tag("option", shown, value=name, selected=number == at) for number, (name, (shown, _)) in enumerate(choices.items())
    ]


async def search(panel: Panel, request: Request) -> Answer:
    draft = _draft(panel)
    draft.answer(**_chosen(request, draft))
    draft.look()
    return Answer.see(PARTS)


def _chosen(request: Request, draft: Draft) -> Body:
    """What the form says of the parts, as answers."""
    found = draft.found
    _, meter = _meters(found).get(_given(request, "meter"), ("", None))
    _, reader = _readers(request.words, found).get(_given(request, "reader"), ("", None))
    told = _given(request, "current_a_max").replace(",", ".")
    try:
        current: Any = float(told)
    except ValueError:
        current = told
    given: Body = {"kind": _given(request, "kind"), "current_a_max": current}
    return {**given, **({"meters": [meter]} if meter else {}), **({"reader": reader} if reader else {})}


async def keep_parts(panel: Panel, request: Request) -> Answer:
    t, draft = request.words, _draft(panel)
    given = _chosen(request, draft)
    if "meters" not in given or "reader" not in given:
        text = t("The search is not done yet: wait for it, and choose a meter and a reader.")
        return _parts(panel, request, {**draft.answers, **given}, _trouble(text), 422)
    told = await _asked(request, draft, "check", given)
    if told["problems"]:
        return _parts(panel, request, {**draft.answers, **given}, _problems(told["problems"]), 422)
    draft.answer(**given)
    return Answer.see(CHECK)


# 4: the file


async def check(panel: Panel, request: Request) -> Answer:
    draft = _draft(panel)
    if (wanted := _next(draft)) != CHECK:
        return Answer.see(wanted)
    told = await _asked(request, draft, "review", draft.whole())
    return _check(panel, request, told)


def _check(panel: Panel, request: Request, told: Body, status: int = 200) -> Answer:
    t, draft = request.words, _draft(panel)
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
        _problems(told["problems"]),
        verdict,
        tag("p", t("The station dials"), " ", tag("code", str(draft.tested.get("dials", "")))),
        [notice("warn", tag("p", str(one))) for one in told["remarks"]],
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
    return _screen(panel, request, 4, t("Check and save"), made, status=status)


async def take(panel: Panel, request: Request) -> Answer:
    draft = _draft(panel)
    if (wanted := _next(draft)) != CHECK:
        return Answer.see(wanted)
    try:
        told = await draft.take()
    except NoHands as error:
        raise _cannot(request, error) from error
    if not told["taken"]:
        return _check(panel, request, told, 422)
    return Answer.see(DONE)


# 5: the end


async def done(panel: Panel, request: Request) -> Answer:
    t = request.words
    password = panel.guard.first_password()
    if password is None:
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
    return _screen(panel, request, 5, t("The station is set up"), made, topic="done")


def done_parts(t: Words, role: Role, view: View) -> Parts:
    return {"summary": now.parts(t, role, view)["summary"]}


async def noted(panel: Panel, request: Request) -> Answer:
    panel.guard.forget_first()
    return Answer.see("/")


# Pieces


def _screen(
    panel: Panel, request: Request, number: int, title: str, *inside: Inside, topic: str = "", status: int = 200
) -> Answer:
    step = tag("p", request.words("Step {number} of {count}", number=number, count=SCREENS), class_="hint narrow", id="step")
    return panel.page(request, title, step, *inside, topic=topic, status=status)


def _text(t: Words, name: str, asked: Question, answers: Mapping[str, Any], **more: Any) -> Html:
    value = answers.get(name)
    hint = f"{name}-hint"
    box = tag(
        "input",
        id=name,
        name=name,
        value=None if value is None else str(value),
        aria_describedby=hint,
        spellcheck="false",
        **more,
    )
    return joined((tag("label", t(asked.label), for_=name), box, tag("p", t(asked.hint), class_="hint", id=hint)))


def _given(request: Request, name: str) -> str:
    return request.form.get(name, "").strip()[:TEXT_MAX]


def _trouble(text: str | None) -> Inside:
    return tag("p", text, class_="banner bad", role="alert") if text else None


def _problems(problems: list[Body]) -> Inside:
    """In check-config's own words."""
    if not problems:
        return None
    return tag("div", [tag("p", str(one.get("text"))) for one in problems], class_="banner bad", role="alert")


async def _asked(request: Request, draft: Draft, do: str, answers: Body) -> Body:
    try:
        return await draft.hands.ask(do, answers)
    except NoHands as error:
        raise _cannot(request, error) from error


def _cannot(request: Request, error: NoHands) -> Wrong:
    return Wrong(request.words("It could not be done: {text}", text=str(error)), 502)
