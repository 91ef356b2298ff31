"""What the screens of a set-up share: their order, their frame, their fields, and what is said where something is wrong."""

from collections.abc import Mapping
from typing import Any

from chargepoint.panel.draft import Draft
from chargepoint.panel.hands import Body, NoHands
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.panel import BEGIN, Answer, Panel, Request, Wrong
from chargepoint.panel.words import Words
from chargepoint.setup.questions import Question

CENTRAL, PARTS, CHECK = f"{BEGIN}/central-system", f"{BEGIN}/parts", f"{BEGIN}/check"
SCREENS = 5
TEXT_MAX = 2_000


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


def text_field(t: Words, name: str, asked: Question, answers: Mapping[str, Any], **more: Any) -> Html:
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


def given_in(request: Request, name: str) -> str:
    return request.form.get(name, "").strip()[:TEXT_MAX]


def trouble_of(text: str | None) -> Inside:
    return tag("p", text, class_="banner bad", role="alert") if text else None


def problems_of(problems: list[Body]) -> Inside:
    """In check-config's own words."""
    if not problems:
        return None
    return tag("div", [tag("p", str(one.get("text"))) for one in problems], class_="banner bad", role="alert")


async def asked(request: Request, draft: Draft, do: str, answers: Body) -> Body:
    try:
        return await draft.hands.ask(do, answers)
    except NoHands as error:
        raise cannot(request, error) from error


def cannot(request: Request, error: NoHands) -> Wrong:
    return Wrong(request.words("It could not be done: {text}", text=str(error)), 502)
