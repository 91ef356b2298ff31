"""The examination: every part in its order, one finding after the other.

Owns order and bounds: without anybody to ask it ends within 20 s. The Central System and what only needs to be looked at are
under way from the start; what asks a person comes one after the other.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from chargepoint.doctor import central_system, host, running
from chargepoint.doctor.finding import HARDWARE, Finding, Level, Part, skipped, wrong
from chargepoint.doctor.subject import Subject

if TYPE_CHECKING:
    from chargepoint.doctor.parts import Bench

LIMIT_S = 18.0  # for everything that nobody is asked in
ALL = frozenset(Part)

Look = Callable[[], Awaitable[list[Finding]]]


async def examine(subject: Subject, only: Iterable[Part] = ALL) -> AsyncIterator[Finding]:
    """What is found of the wanted parts. A connector's contactor is tested only where its pilot is looked at too."""
    wanted = frozenset(only)
    until_s = asyncio.get_running_loop().time() + LIMIT_S
    link = asyncio.ensure_future(_collected(subject)) if Part.CENTRAL_SYSTEM in wanted else None
    try:
        for part, looked in (
            (Part.CONFIG, host.config),
            (Part.DISK, host.disk),
            (Part.CLOCK, host.clock),
            (Part.POWER, host.power),
            (Part.WATCHDOG, host.watchdog),
            (Part.PORTS, host.ports),
        ):
            for finding in looked(subject) if part in wanted else _spoilt(subject, part):
                yield finding
        if not wanted.isdisjoint(HARDWARE):
            async for finding in _hardware(subject, wanted, until_s):
                yield finding
        if link is not None:
            for finding in await link:
                yield finding
    finally:
        if link is not None:
            link.cancel()


def verdict(findings: Iterable[Finding]) -> str:
    """The last line: what it all comes to."""
    known = list(findings)
    bad = list(dict.fromkeys(finding.name for finding in known if finding.level is Level.WRONG))
    remarks = sum(finding.level is Level.REMARK for finding in known)
    seen = f"{len(known)} finding{'' if len(known) == 1 else 's'}, {remarks} remark{'' if remarks == 1 else 's'}"
    return f"NOT WELL: {', '.join(bad)} ({seen})" if bad else f"all is well ({seen})"


def _spoilt(subject: Subject, part: Part) -> Iterator[Finding]:
    """A file that nothing can be looked at with is told whatever is wanted: what was not looked at is not well."""
    if part is Part.CONFIG and subject.settings is None:
        yield from (finding for finding in host.config(subject) if finding.level is Level.WRONG)


async def _collected(subject: Subject) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            async for finding in central_system.way(subject):
                found.append(finding)
    except TimeoutError:
        found.append(wrong("cs-silent", f"the Central System was not examined within {LIMIT_S:g} s"))
    return found


async def _hardware(subject: Subject, wanted: frozenset[Part], until_s: float) -> AsyncIterator[Finding]:
    if subject.running:
        for finding in running.parts(subject):
            if finding.part in wanted:
                yield finding
        return
    settings = subject.settings
    if settings is None:
        for part in HARDWARE:
            if part in wanted:
                yield skipped(part, "not looked at: the file comes first")
        return
    from chargepoint.doctor.parts import Bench

    bench = Bench(settings, subject.person)
    try:
        looks = {part: list(_looks(bench, subject, part)) for part in HARDWARE if part in wanted}
        if Part.PILOT not in looks and Part.CONTACTOR in looks:
            looks[Part.PILOT] = list(_looks(bench, subject, Part.PILOT))
        early = (Part.METER, Part.INPUTS, Part.PILOT) if subject.person else HARDWARE[:-2]
        tasks = {part: [asyncio.ensure_future(look()) for look in looks.get(part, ())] for part in early}
        for part in HARDWARE:
            if part not in looks:
                continue
            for number, look in enumerate(looks[part]):
                task = tasks[part][number] if part in tasks else asyncio.ensure_future(look())
                for finding in await _bounded(task, part, None if subject.person else until_s):
                    if part in wanted:
                        yield finding
    finally:
        await bench.close()


async def _bounded(task: "asyncio.Future[list[Finding]]", part: Part, until_s: float | None) -> list[Finding]:
    if until_s is None:
        return await task
    try:
        async with asyncio.timeout_at(until_s):
            return await task
    except TimeoutError:
        return [skipped(part, f"not looked at to the end: {LIMIT_S:g} s are over")]


def _looks(bench: "Bench", subject: Subject, part: Part) -> Iterator[Look]:
    assert subject.settings is not None
    settings = subject.settings
    if part is Part.READER:
        for name, reader in settings.readers.items():
            yield partial(bench.reader, name, reader.part)
    elif part is Part.INPUTS:
        yield bench.inputs
    else:
        look = {
            Part.METER: bench.meter,
            Part.PILOT: bench.pilot,
            Part.LOCK: bench.lock,
            Part.CONTACTOR: bench.contactor,
            Part.LIGHT: bench.light,
        }[part]
        for name, connector in settings.connectors.items():
            yield partial(look, name, connector)
