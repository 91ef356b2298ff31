"""What the screens of a set-up share: their order, their frame, their fields, and what is said where something is wrong."""

from collections.abc import Mapping
from typing import Any

from chargepoint.panel.draft import Draft
from chargepoint.panel.hands import Body, NoHands
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.panel import BEGIN, Answer, Panel, Request, Wrong
from chargepoint.panel.words import Words
from chargepoint.setup import questions
from chargepoint.setup.questions import Question

CENTRAL, PARTS, CHECK = f"{BEGIN}/central-system", f"{BEGIN}/parts", f"{BEGIN}/check"
SCREENS = 5
TEXT_MAX = 2_000
KEY = Question("Password (AuthorizationKey)", "the key from the operator, hexadecimal")
FIELDS = {
    "url": questions.URL,
    "identity": questions.IDENTITY,
    "authorization_key": KEY,
    "current_a_max": questions.CURRENT,
}
SENTENCES = {
    "must begin with ws://": "must begin with ws:// or wss://, without blanks",
    "must not contain a user": "must hold no user and password; the password has a field of its own",
    "must end with the path": "must end with the path, without ? and #",
    "must be an address": "must be an address such as wss://cs.example.org:8443/ocpp",
    "must name a host": "must be an address such as wss://cs.example.org:8443/ocpp",
    "must be text in quotes, 1 to 48": "must have 1 to 48 characters",
    "must be an even number of hex": "must be hexadecimal digits (0 to 9, A to F), an even number of them, at most 40",
    "must be a number from 6 to 80": "must be a number from 6 to 80",
}
"""What check-config says of a line of a file, by its beginning, and what is said of a field."""


def draft_of(panel: Panel) -> Draft:
    assert panel.draft is not None, "the panel lets nobody here without one"
    return panel.draft


def next_of(draft: Draft) -> str:
    """The first screen that wants something."""
    answers = draft.answers
    return CENTRAL if "url" not in answers else PARTS if "meters" not in answers else CHECK


def screen(
    panel: Panel, request: Request, number: int, title: str, *inside: Inside, topic: str = "", status: int = 200
) -> Answer:
    step = tag("p", request.words("Step {number} of {count}", number=number, count=SCREENS), class_="hint narrow", id="step")
    return panel.page(request, title, step, *inside, topic=topic, status=status)


def text_field(
    t: Words, name: str, asked: Question, answers: Mapping[str, Any], remark: str | None = None, **more: Any
) -> Html:
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
    told = t(asked.hint) if remark is None else f"{t(asked.hint)}. {remark}"
    return joined((tag("label", t(asked.label), for_=name), box, tag("p", told, class_="hint", id=hint)))


def given_in(request: Request, name: str) -> str:
    return request.form.get(name, "").strip()[:TEXT_MAX]


def trouble_of(text: str | None) -> Inside:
    return tag("p", text, class_="banner bad", role="alert") if text else None


def problems_of(t: Words, problems: list[Body]) -> Inside:
    """By the name of the field, for who knows no file; what has no such words is told in check-config's."""
    if not problems:
        return None
    return tag("div", [tag("p", _problem(t, one)) for one in problems], class_="banner bad", role="alert")


def _problem(t: Words, problem: Body) -> str:
    text, field = str(problem.get("text")), FIELDS.get(str(problem.get("key")))
    said = text.partition(": ")[2]
    sentence = next((sentence for beginning, sentence in SENTENCES.items() if said.startswith(beginning)), None)
    return text if field is None or sentence is None else f"{t(field.label)}: {t(sentence)}"


async def asked(request: Request, draft: Draft, do: str, answers: Body) -> Body:
    try:
        return await draft.hands.ask(do, answers)
    except NoHands as error:
        raise cannot(request, error) from error


def cannot(request: Request, error: NoHands) -> Wrong:
    return Wrong(request.words("It could not be done: {text}", text=str(error)), 502)
