"""Every word of the page is there in every language."""

import ast
import json
import re
from pathlib import Path

import pytest

from chargepoint.core.faults import Fault
from chargepoint.facts import Pattern, PilotState, Refusal
from chargepoint.messages import ChargePointStatus, Reason
from chargepoint.panel import checks, setup
from chargepoint.panel.page import PLACES, TITLE
from chargepoint.panel.words import SHIPPED, Languages
from chargepoint.setup import questions
from chargepoint.setup.questions import KINDS, Question

SOURCES = [*sorted(Path(setup.__file__).parent.glob("*.py")), Path(questions.__file__)]
FIELD = re.compile(r"\{(\w+)\}")


def catalogue(code: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((SHIPPED / f"{code}.json").read_text(encoding="utf-8"))
    return texts


def said() -> set[str]:
    """Every plain text that a source hands to its words."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("t", "words"):
                found |= {
                    one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    labels = {field.label for field in (*setup.STATION, *setup.CENTRAL, *setup.PAGE)} | {
        label for _, label, _ in setup.CONNECTOR
    }
    for one in vars(questions).values():
        if isinstance(one, Question):
            labels |= {one.label, one.hint}
    return (
        set(KINDS.values())
        | {text for text in found if " " in text or text[:1].isupper()}
        | labels
        | {name for _, name in (*PLACES, *setup.TABS)}
        | {TITLE}
    )


def constants() -> set[str]:
    nodes = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_there_is_something_to_look_at() -> None:
    assert len(said()) > 150


@pytest.mark.parametrize("code", [path.stem for path in SHIPPED.glob("*.json") if path.stem != "en"])
def test_a_language_says_everything_and_nothing_else(code: str) -> None:
    texts, english = catalogue(code), catalogue("en")
    assert {text for text in said() if text not in texts} == set()
    assert {key for key in english if key not in texts} == set()
    assert set(texts) - constants() - set(english) == set()


@pytest.mark.parametrize("code", [path.stem for path in SHIPPED.glob("*.json") if path.stem != "en"])
def test_a_translation_has_the_same_blanks(code: str) -> None:
    english = catalogue("en")
    wrong = {
        text
        for text, told in catalogue(code).items()
        if set(FIELD.findall(english.get(text, text))) != set(FIELD.findall(told))
    }
    assert wrong - {"language", "decimal"} == set()


def test_whatever_the_station_can_tell_has_words() -> None:
    keys = catalogue("en")
    wanted = {f"status.{one}" for one in ChargePointStatus} | {f"why.{one}" for one in ChargePointStatus}
    wanted |= (
        {f"how.{one}" for one in ChargePointStatus}
        | {f"light.{one}" for one in Pattern}
        | {f"refusal.{one}" for one in Refusal}
    )
    wanted |= {f"{kind}.{one}" for one in Fault for kind in ("fault", "todo")} | {f"pilot.{one}" for one in PilotState}
    wanted |= {f"reason.{one}" for one in Reason} | {
        f"trial.{one}" for one in ("running", "passed", "failed", "cut_short", "no_feedback")
    }
    wanted |= {f"level.{one}" for one in checks.LEVELS} | {f"delivery.{one}" for one in ("confirmed", "queued", "dead")}
    assert wanted - set(keys) == set()
    assert set(checks.PATTERNS) <= set(Pattern)


def test_a_language_of_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "nl.json").write_text('{"language": "Nederlands", "Log in": "Inloggen"}')
    words = Languages(tmp_path).chosen("nl", "")
    assert (words.name, words("Log in"), words("Password"), words("status.Charging")) == (
        "Nederlands",
        "Inloggen",
        "Password",
        "Charging",
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_catalogue_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "nl.json").write_text(text)
    with pytest.raises(ValueError, match=r"nl\.json"):
        Languages(tmp_path)


def test_numbers_as_they_are_written_there() -> None:
    languages = Languages()
    assert languages.chosen("de", "").number(1234.5, 1) == "1\N{NARROW NO-BREAK SPACE}234,5"
    assert languages.chosen("en", "").number(1234.5, 1) == "1\N{NARROW NO-BREAK SPACE}234.5"
