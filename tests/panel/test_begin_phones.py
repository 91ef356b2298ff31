"""Several phones at one blank station: the code is everybody's who sees the station, the station at work is not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chargepoint import blank
from chargepoint.panel import draft
from chargepoint.panel.hands import Body
from chargepoint.registry import check_file
from chargepoint.setup import searching
from tests.panel.begin import CENTRAL, begun, begun_again, config, finished, lay, new, no_ports, parts_of, say, seen, text_of
from tests.panel.house import House, NearHands, house

__all__ = ["config", "new", "no_ports"]  # fixtures


class TestTwoPhones:
    """Whoever reads the code from the LED is in as well."""

    async def test_only_who_saved_it_stays(self, new: House, config: Path) -> None:
        await begun(new, config)
        stranger = new.cookie
        await finished(new, config)
        here, new.cookie = new.cookie, stranger
        for path in ("/start/done", "/", "/setup/file"):
            assert (await new.get(path)).headers["location"].startswith("/login"), path
        new.cookie = here
        assert new.access.first_password() in (await new.get("/start/done")).text  # type: ignore[operator]

    async def test_nobody_else_is_in_between_the_file_and_the_answer(
        self, new: House, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await begun(new, config)
        stranger, seen = new.cookie, []
        real = NearHands.ask

        async def ask(self: NearHands, do: str, answers: Body, *more: Any) -> Body:
            told = await real(self, do, answers, *more)
            if do == "take":
                here, new.cookie = new.cookie, stranger
                seen.append((await new.get("/start/done")).headers["location"])
                new.cookie = here
            return told

        monkeypatch.setattr(NearHands, "ask", ask)
        await finished(new, config)
        assert seen == ["/login?to=/start/done"]

    async def test_only_who_saved_it_stays_when_the_power_goes_as_well(
        self, tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dark(access: object) -> None:
            raise KeyboardInterrupt

        blank.make_code(tmp_path)
        async with house(tmp_path, blank=config) as here:
            await begun(here, config)
            stranger = here.cookie
            await begun(here, config)
            await say(here, "/start/central-system", CENTRAL)
            await say(here, "/start/parts", await parts_of(here))
            assert here.panel.draft is not None
            with monkeypatch.context() as patched:
                patched.setattr(draft, "end", dark)
                with pytest.raises(KeyboardInterrupt):
                    await here.panel.draft.take(here.cookie.partition("=")[2])
            saver = here.cookie
        assert check_file(config).problems == ()
        async with house(tmp_path) as here:
            draft.remember(here.access)
            here.cookie = stranger
            assert (await here.get("/")).headers["location"] == "/login"
            here.cookie = saver
            assert (await here.get("/")).headers["location"] == "/start/done"
            assert not (here.access.directory / draft.DRAFT).exists()

    async def test_a_file_from_elsewhere_shuts_all_of_them_out(self, new: House, config: Path, tmp_path: Path) -> None:
        await begun(new, config)
        lay(config, '[station]\nidentity = "CARD"\n')
        for path in ("/start/done", "/", "/setup/file"):
            assert (await new.get(path)).headers["location"].startswith("/login"), path
        draft.remember(new.access)
        assert new.panel.guard.session(new.cookie.partition("=")[2]) is None

    async def test_what_another_phone_changed_meanwhile_is_not_saved_unseen(self, new: House, config: Path) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        await say(new, "/start/parts", await parts_of(new))
        of, here = await seen(new), new.cookie
        await begun_again(new, config)
        await say(new, "/start/central-system", {**CENTRAL, "url": "ws://evil.example.org"})
        new.cookie = here
        status, page = await say(new, "/start/check", {"of": of})
        assert (status, text_of(config)) == (409, "")
        assert "on another phone" in page
        assert "ws://evil.example.org/CK_0001" in page
        assert await say(new, "/start/check", {}) == (303, "/start/done")

    async def test_a_thumb_that_comes_down_twice_saves_once(self, new: House, config: Path) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        await say(new, "/start/parts", await parts_of(new))
        assert new.panel.draft is not None
        cookie = new.cookie.partition("=")[2]
        told = await asyncio.gather(new.panel.draft.take(cookie), new.panel.draft.take(cookie))
        assert [one["taken"] for one in told] == [True, True]
        assert not list(config.parent.glob("*.old"))

    async def test_a_search_of_another_phone_ends_with_it_and_what_comes_late_leaves_no_key_behind(
        self, new: House, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        await say(new, "/start/parts", await parts_of(new))
        began, ended = asyncio.Event(), asyncio.Event()

        async def meters(where: object, progress: object) -> tuple[list[Any], list[str]]:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return [], []

        monkeypatch.setattr(searching, "ports", lambda: ["/dev/ttyUSB7"])
        monkeypatch.setattr(searching, "meters", meters)
        held = new.panel.draft
        assert held is not None
        held.look()
        await began.wait()
        assert (await held.take(new.cookie.partition("=")[2]))["taken"] is True
        assert ended.is_set(), "the line is the service's now"
        held.keep_test("ws://cs", [])  # a test of the connection that took its time
        assert not (new.access.directory / draft.DRAFT).exists(), "it held the key"
