"""The third screen of a set-up: the kind of station, its meter, its reader and its fuse; what answers is found by a search."""

import re
from typing import Any

from chargepoint.panel.begin_pieces import (
    CENTRAL,
    CHECK,
    PARTS,
    asked,
    draft_of,
    given_in,
    problems_of,
    screen,
    text_field,
    trouble_of,
)
from chargepoint.panel.draft import Draft
from chargepoint.panel.guard import Role
from chargepoint.panel.hands import Body
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import notice, token_field
from chargepoint.panel.panel import BEGIN, Answer, Panel, Request
from chargepoint.panel.words import Words
from chargepoint.setup import questions
from chargepoint.setup.questions import KINDS

NONE = "none"
PLACE_MAX = 10
ENDING = re.compile(r"(-if\d\d)?(-port\d+)?(-event-kbd)?$")  # of names in by-id: what all have, behind the serial number


def add_to(panel: Panel) -> None:
    panel.get(PARTS, parts, "installer")
    panel.post(PARTS, keep_parts)
    panel.post(f"{BEGIN}/search", search)


async def parts(panel: Panel, request: Request) -> Answer:
    draft = draft_of(panel)
    if not draft.found and not draft.searching:
        draft.look()
    return _parts(panel, request, draft.answers, None)


def _parts(panel: Panel, request: Request, answers: Body, problems: Inside, status: int = 200) -> Answer:
    t, draft = request.words, draft_of(panel)
    kind = answers.get("kind", questions.KIND.default)
    kinds = [
        tag(
            "label",
            tag("input", type="radio", name="kind", value=name, checked=name == kind),
            tag("span", t(text)),
            class_="choice",
        )
        for name, text in KINDS.items()
    ]
    made = tag(
        "form",
        token_field(request.reader),
        problems,
        tag("fieldset", tag("legend", t(questions.KIND.label)), kinds),  # a select would cut their words on a phone
        tag("div", _found(t, draft, answers), id="found"),
        text_field(
            t, "current_a_max", questions.CURRENT, {"current_a_max": _ampere(answers)}, inputmode="decimal", required=True
        ),
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
    return screen(panel, request, 3, t("Parts of the station"), made, topic="search", status=status)


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
        why = [tag("p", t(text)) for text in (draft.trouble, *found.get("trouble", ())) if text]
        said = notice("warn", tag("p", t("No meter answers. Is it powered, are A and B the right way round?")), why)
    else:
        seen = {_line(one["answer"]): str(one["shown"]) for one in reversed(found["meters"])}
        said = notice("good", tag("p", t("Meters found: {count}", count=len(seen))), [tag("p", one) for one in seen.values()])
    meters = _options(t, _meters(t, found), (answers.get("meters") or [None])[0])
    readers = _options(t, _readers(t, found), answers.get("reader"))
    return joined(
        (
            said,
            tag("label", t(questions.METER.label), for_="meter"),
            tag("select", meters, id="meter", name="meter", disabled=draft.searching),  # its lines are about to change
            tag("label", t(questions.READER.label), for_="reader"),
            tag("select", readers, id="reader", name="reader", disabled=draft.searching),
        )
    )


Choices = dict[str, tuple[str, Body]]  # what a form says: what is shown, and the answer that it is


def _line(answer: Body) -> tuple[str, int]:
    return answer.get("host") or answer["port"], answer["unit_id"]


def _short(place: str) -> str:
    """What tells a device from others: the end of its name, for a select cuts what does not fit."""
    name = ENDING.sub("", place.rpartition("/")[2])
    return name if len(name) <= PLACE_MAX else f"…{name[1 - PLACE_MAX :]}"


def _meters(t: Words, found: Body) -> Choices:
    """Those that answered, then every map for one that did not."""
    made: Choices = {}
    for at, one in enumerate(found.get("meters", ())):
        place, unit = _line(one["answer"])
        shown = t("{map}, unit {unit}, {place}", map=one["answer"]["map"], unit=unit, place=_short(place))
        made[f"found-{at}"] = (shown, one["answer"])
    for one in sorted(found.get("maps", ()), key=lambda one: one["shown"] != questions.METER.default):
        made[f"map-{one['shown']}"] = (f"{one['shown']}, {_short(one['answer']['port'])}", one["answer"])
    return made


def _readers(t: Words, found: Body) -> Choices:
    made: Choices = {}
    for at, one in enumerate((*found.get("readers", ()), *found.get("usual_readers", ()))):
        shown = t("no reader") if one["driver"] == NONE else f"{one['driver']}, {_short(one['place'])}"
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
    draft = draft_of(panel)
    draft.answer(**_chosen(request, draft))
    draft.look()
    return Answer.see(PARTS)


def _chosen(request: Request, draft: Draft) -> Body:
    """What the form says of the parts, as answers."""
    found = draft.found
    _, meter = _meters(request.words, found).get(given_in(request, "meter"), ("", None))
    _, reader = _readers(request.words, found).get(given_in(request, "reader"), ("", None))
    told = given_in(request, "current_a_max").replace(",", ".")
    try:
        current: Any = float(told)
    except ValueError:
        current = told
    given: Body = {"kind": given_in(request, "kind"), "current_a_max": current}
    return {**given, **({"meters": [meter]} if meter else {}), **({"reader": reader} if reader else {})}


async def keep_parts(panel: Panel, request: Request) -> Answer:
    t, draft = request.words, draft_of(panel)
    given = _chosen(request, draft)
    if "meters" not in given or "reader" not in given:
        text = t("The search is not done yet: wait for it, and choose a meter and a reader.")
        return _parts(panel, request, {**draft.answers, **given}, trouble_of(text), 422)
    told = await asked(request, draft, "check", given)
    if told["problems"]:
        return _parts(panel, request, {**draft.answers, **given}, problems_of(t, told["problems"]), 422)
    draft.answer(**given)
    return Answer.see(CHECK)
