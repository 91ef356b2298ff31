"""Stations for the doctor: a file, and what is found of it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chargepoint.doctor.examination import examine
from chargepoint.doctor.finding import AskError, Finding, Level, Part, Person
from chargepoint.doctor.subject import Subject, subject_of
from hil.bench import toml
from tests.settings.documents import valid

Change = Callable[[dict[str, Any]], Any]


def written(folder: Path, change: Change = lambda document: None) -> Path:
    """The file of a valid station with one connector and without secrets, after a change."""
    document = valid()
    del document["connectors"]["2"], document["central_system"]["authorization_key"]
    document["readers"]["1"]["connectors"] = [1]
    change(document)
    path = folder / "station.toml"
    path.write_text(toml.document(document))
    return path


async def looked(path: Path, *parts: Part, person: Person | None = None) -> list[Finding]:
    """What is found while no service runs."""
    subject = await subject_of(path, None, person)
    return [finding async for finding in examine(subject, parts or frozenset(Part))]


async def asked(path: Path, answers: dict[str, Any], *parts: Part) -> list[Finding]:
    """What is found while a service runs that answers so; an answer that is text is a refusal."""

    async def ask(do: str, **_: Any) -> dict[str, Any]:
        answer = answers.get(do, "unknown")
        if isinstance(answer, str):
            raise AskError(answer)
        return dict(answer)

    subject: Subject = await subject_of(path, ask)
    return [finding async for finding in examine(subject, parts or frozenset(Part))]


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.code]


def the(findings: Iterable[Finding], code: str) -> Finding:
    """The one finding of this code; every one that is wrong has a cause and a fix, each one line."""
    (found,) = [finding for finding in findings if finding.code == code]
    assert found.text, found
    assert found.fix, found
    assert "\n" not in found.text + found.fix
    return found


def wells(findings: Iterable[Finding], part: Part) -> list[str]:
    return [finding.text for finding in findings if finding.part is part and finding.level is Level.OK]
