"""What a page asks while it sets a blank station up: one request a process, a line of JSON in, lines of JSON out.

Owns nothing that the dialogue in a terminal does not use as well: the same answers, search, text and way of writing. The page
has no rights to devices and to the settings; this has, and it serves a station only as long as that is blank.

A request is {"do": NAME, "answers": {...}}; the answers are those of a file of answers. Lines {"progress": TEXT} may come
before the answer: {"ok": true, ...}, or {"ok": false, "error": TEXT}.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, convert, structs, to_builtins

from chargepoint import blank
from chargepoint.registry import CheckedFile, check_file
from chargepoint.remarks import settings_remarks
from chargepoint.settings import SettingsError, state_dir_of
from chargepoint.setup import questions, searching
from chargepoint.setup.answers import Answers, Reader, answer_of_kind, answers_of, default_meter
from chargepoint.setup.dialogue import described, url_remark
from chargepoint.setup.pieces import document_text
from chargepoint.setup.writing import Refused, write
from chargepoint.shell.address import Address, station_url
from chargepoint.tables import Problem, printable
from drivers.meters import names

LINE_MAX = 64 * 1024
LIMIT_S = 240.0  # a search of sixteen lines without a meter
FILE = "answers"
HIDDEN = "***"
BESIDE = ".set-up."

Body = dict[str, Any]
Tell = Callable[[str], None]


class Wrong(Exception):
    """The request cannot be done; a sentence for a person."""


class Request(Struct, frozen=True):
    do: str
    answers: dict[str, Any] = {}


async def answered(line: bytes, config: Path, tell: Tell) -> Body:
    """The answer to one request; it always has one. config: absolute. tell: gets what is under way."""
    try:
        request = convert(json.loads(line), Request)
        work = REQUESTS.get(request.do)
        if work is None:
            raise Wrong(f"there is no request {request.do!r}; there are: {', '.join(REQUESTS)}")
        if not blank.is_blank(config):
            raise Wrong(f"the station is set up already: {config} is there")
        async with asyncio.timeout(LIMIT_S):
            return {"ok": True, **await work(request.answers, config, tell)}
    except TimeoutError:
        return {"ok": False, "error": f"not done within {LIMIT_S:g} s"}
    except (Wrong, ValueError, OSError) as error:  # msgspec's and json's errors are ValueErrors
        return {"ok": False, "error": printable(str(error), 600)}


async def _look(answers: Body, config: Path, tell: Tell) -> Body:
    """Meters and readers that answer."""
    ports = searching.ports()
    found, trouble = await searching.meters(ports, tell) if ports else ([], [questions.NO_PORT])
    meters = [
        {"answer": to_builtins(searching.answer_of(one, map)), "shown": described(structs.replace(one, maps=(map,)))}
        for one in found
        for map in one.maps
    ]
    taken = [meter["answer"]["port"] for meter in meters if not meter["answer"]["host"]]
    readers = await searching.readers(taken, tell)
    return {
        "meters": meters,
        "readers": to_builtins(readers),
        "trouble": [printable(text, 300) for text in trouble],
        **_else(ports),
    }


async def _choices(answers: Body, config: Path, tell: Tell) -> Body:
    """What may be chosen where nothing was found."""
    return _else(searching.ports())


def _else(ports: list[str]) -> Body:
    usual = [Reader(), Reader(driver="none", place="")]
    return {
        "maps": [{"answer": to_builtins(default_meter(ports, map)), "shown": map} for map in names()],
        "usual_readers": to_builtins(usual),
    }


async def _check(answers: Body, config: Path, tell: Tell) -> Body:
    """What is wrong with single answers, those that are there; and the address that would be dialled."""
    problems = _problems(answers)
    url, identity = answers.get("url"), answers.get("identity")
    dialled = ""
    if not problems and isinstance(url, str) and isinstance(identity, str):
        dialled = station_url(Address(url=url, identity=identity))
    return {"problems": problems, "dials": dialled}


async def _dial(answers: Body, config: Path, tell: Tell) -> Body:
    """The way to the Central System, layer by layer, up to where BootNotification would follow."""
    from chargepoint.doctor import central_system
    from chargepoint.doctor.subject import subject_of

    if problems := _problems(answers):
        return {"problems": problems, "findings": []}
    whole = _answers({key: answers[key] for key in ("url", "identity", "authorization_key") if key in answers})
    with _laid_out(whole, config) as path:
        subject = await subject_of(path)
        findings = [finding async for finding in central_system.way(subject, boot=False, draft=True)]
    told = [{"level": str(one.level), "code": one.code, "text": one.text, "fix": one.fix} for one in findings]
    return {"problems": [], "findings": told}


async def _review(answers: Body, config: Path, tell: Tell) -> Body:
    """The file that would be written, its secret hidden, and what check-config says of it."""
    try:
        whole = _answers(answers)
    except SettingsError as error:
        return {"text": "", "problems": [_told(one) for one in error.problems], "remarks": []}
    with _laid_out(whole, config) as path:
        checked = check_file(path)
        seen = _as_of(checked, path, config)
        seen["remarks"] += _of_before(path)
    hidden = structs.replace(whole, authorization_key=HIDDEN) if whole.authorization_key else whole
    return {"text": document_text(hidden), **seen}


async def _take(answers: Body, config: Path, tell: Tell) -> Body:
    """Writes the file, which ends the set-up: the code goes first, so that it never outlives it."""
    try:
        whole = _answers(answers)
    except SettingsError as error:
        return {"taken": False, "problems": [_told(one) for one in error.problems], "remarks": []}
    folder = config.parent
    code = blank.code_of(folder)
    blank.forget_code(folder)
    try:
        write(config, document_text(whole))
    except Refused as refused:
        if code is not None:
            blank.put(folder / blank.CODE, code + "\n")
        if not refused.problems:
            raise Wrong(str(refused)) from refused
        return {"taken": False, "problems": [_told(one) for one in refused.problems], "remarks": []}
    _clear(config)
    blank.put(folder / blank.DONE, f"{whole.identity}\n")
    return {"taken": True, "problems": [], "remarks": []}


REQUESTS: dict[str, Callable[[Body, Path, Tell], Awaitable[Body]]] = {
    "look": _look,
    "choices": _choices,
    "check": _check,
    "dial": _dial,
    "review": _review,
    "take": _take,
}


def _answers(answers: Body) -> Answers:
    return answer_of_kind(answers_of(FILE, {}, answers))


def _problems(answers: Body) -> list[Body]:
    """Of the answers that are there; what is not yet asked for is no problem."""
    missing = {"url": "ws://cs.example.org", "identity": "CK"}
    try:
        answers_of(FILE, missing, answers)
    except SettingsError as error:
        return [_told(one) for one in error.problems]
    url = answers.get("url")
    if isinstance(url, str) and (remark := url_remark(url)) is not None:
        return [{"key": "url", "text": f"url: {remark}"}]
    return []


def _told(problem: Problem) -> Body:
    """Without the value: it may be a secret, and whoever gave it sees it."""
    text = "; ".join(part for part in (problem.allowed, problem.hint) if part)
    where = ".".join(part for part in (problem.section, problem.key) if part)
    return {"key": problem.key, "text": printable(f"{where}: {text}" if where else text, 600)}


def _as_of(checked: CheckedFile, path: Path, config: Path) -> Body:
    """The check of a file that lies aside, as of the one that it will be."""
    said = [*checked.remarks, *(settings_remarks(checked.settings) if checked.settings is not None else ())]
    remarks = [remark.replace(str(path), str(config)) for remark in said]
    return {"problems": [_told(one) for one in checked.problems], "remarks": remarks}


def _of_before(path: Path) -> list[str]:
    """What whoever sets up a station must know that has run already, for somebody else perhaps. path: a file in its folder."""
    from chargepoint.store import NoStore, StoreError, reading

    try:
        reading.credentials(Path(state_dir_of(path)))
    except NoStore:
        return []
    except StoreError:
        return [questions.OF_BEFORE]  # one that cannot be read is one
    return [questions.OF_BEFORE]


@contextlib.contextmanager
def _laid_out(answers: Answers, config: Path) -> Iterator[Path]:
    """The file of these answers beside its place, for as long as it is looked at; nobody else can read it."""
    path = config.parent / f"{BESIDE}{os.getpid()}.toml"
    try:
        blank.put(path, document_text(answers))
        yield path
    finally:
        path.unlink(missing_ok=True)


def _clear(config: Path) -> None:
    """What power cuts left of files that were looked at or half written: they may hold a key."""
    for pattern in (f"{BESIDE}*", f".{config.name}.*.toml"):
        for path in config.parent.glob(pattern):
            path.unlink(missing_ok=True)
