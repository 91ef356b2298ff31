"""`--auto`: an evening played without a key, then the books against the meters. The exit status is the verdict."""

import asyncio
from collections.abc import Sequence

from hil.bench.client import BenchError
from hil.demo.accounts import judge
from hil.demo.play import Act, Page, Play
from hil.demo.processes import DemoError
from hil.demo.programme import FAILED, OK, Entry, table
from hil.demo.sockets import Refused, SocketError
from hil.demo.stage import Options, Stage, WaitedInVain, staged
from hil.demo.style import Line

EVENING_S = 120.0
SETTLE_S = 10.0


async def play_evening(options: Options, acts: Sequence[Act], *, programme: bool = False) -> int:
    """0: every step came and the books agree with the meters; 1: not, and the page says why. Raises DemoError.

    programme: end with a table of the acts.
    """
    page = Page()
    async with staged(options) as stage:
        stage.listeners.append(page.frame)
        play = Play(stage, page)
        entries = [Entry(act.name) for act in acts]
        try:
            async with asyncio.timeout(EVENING_S):
                for number, (act, entry) in enumerate(zip(acts, entries, strict=True), 1):
                    page.title(f"{number}/{len(acts)}  {act.title}")
                    await _perform(play, act, entry)
                page.title("The end: the station is stopped, the books are compared with the meters")
                return await _compare(play, entries if programme else [])
        except WaitedInVain as vain:
            _report(stage, page, vain.what, vain.why, vain.seen.told())
        except TimeoutError:
            _report(stage, page, "the end of the evening", f"not within {EVENING_S:g} s", (await stage.look(books=True)).told())
        except (BenchError, DemoError, Refused, SocketError) as error:
            _report(stage, page, "every command of the play to be obeyed", str(error), [])
        if programme:
            _tell(page, "The acts:", table(entries))
        page.problem("The evening broke off: the station did not do what it should.")
        return 1


async def _perform(play: Play, act: Act, entry: Entry) -> None:
    """Plays one act and notes how it came out."""
    began_s, play.shown = play.page.elapsed_s, entry.shown
    entry.verdict = FAILED
    try:
        await act.perform(play)
        entry.verdict = OK
    finally:
        entry.took_s = play.page.elapsed_s - began_s


async def _compare(play: Play, entries: Sequence[Entry]) -> int:
    """Stops the station and gives the verdict. entries: of the table of acts; none: it is left out."""
    page, stage = play.page, play.stage
    settled = await play.until("nothing is left to send, no transaction is open", lambda now: now.queued == 0, SETTLE_S)
    code = await stage.service.stop()
    last = await stage.look(books=True)
    risen_wh = {number: last.register_wh(number) - before_wh for number, before_wh in play.registers_wh.items()}
    found = judge(play.sessions, last.rows, risen_wh)
    problems = found.problems + [f"the Central System objects: {text}" for text in last.objections()]
    if settled.dead_letters:
        problems.append(f"{settled.dead_letters} dead letters: the Central System did not take these billing messages")
    if code != 0:
        problems.append(f"the station ended with exit status {code} on SIGTERM, where 0 is right")
    _tell(page, "What the Central System booked, and what the meters say (Wh):", found.table)
    if entries:
        _tell(page, "The acts:", table(entries))
    page.blank()
    for text in problems:
        page.problem(text)
    if problems:
        page.problem(f"Books and meters DIFFER, or something else is wrong: see above ({page.elapsed_s:.1f} s).")
        return 1
    count = "1 transaction" if len(last.rows) == 1 else f"{len(last.rows)} transactions"
    said = f"All {len(entries)} acts came out right. " if entries else ""
    verdict = f"{said}Books and meters agree: {count}, {found.booked_wh} Wh booked, {found.metered_wh} Wh metered"
    page.line((("good", verdict), ("", f" ({page.elapsed_s:.1f} s).")), whole=True)
    return 0


def _tell(page: Page, head: str, lines: Sequence[Line]) -> None:
    """A table under its head."""
    page.blank()
    page.step(head)
    for line in lines:
        page.line(line, whole=True)


def _report(stage: Stage, page: Page, what: str, why: str, seen: Sequence[str]) -> None:
    """What was waited for, what there was instead, and the station's own words."""
    page.blank()
    page.problem(f"✗ waited for: {what}")
    page.problem(f"  {why}")
    if seen:
        page.step("  seen instead:")
        page.text("\n".join(seen))
    page.step("  the end of the station's log:")
    page.text(stage.service.tail())
