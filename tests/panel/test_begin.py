"""A blank station on its page: who gets in, what is kept, what is written, and that it is over once it is done."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chargepoint import blank
from chargepoint.panel import draft
from chargepoint.panel.guard import TRIES_MAX
from chargepoint.registry import check_file
from chargepoint.setup import searching
from chargepoint.setup.answers import Answers
from chargepoint.setup.dialogue import Dialogue
from chargepoint.setup.pieces import document_text
from drivers.meters.search import Found, Setting
from tests.panel.begin import CENTRAL, KEY, begun, config, finished, lay, new, no_ports, parts_of, say, text_of
from tests.panel.house import House, house

__all__ = ["config", "new", "no_ports"]  # fixtures
METER = Found(line="/dev/ttyUSB7", setting=Setting(9_600, "N", 1), unit_id=3, maps=("sdm630", "sdm120"), sure=False)


class TestCode:
    def test_it_has_eight_digits_and_stays_until_the_set_up_is_over(self, tmp_path: Path) -> None:
        code = blank.make_code(tmp_path)
        assert re.fullmatch(r"\d{8}", code)
        assert blank.make_code(tmp_path) == code
        assert (tmp_path / blank.CODE).stat().st_mode & 0o007 == 0
        blank.forget_code(tmp_path)
        assert blank.code_of(tmp_path) is None

    async def test_a_wrong_one_opens_nothing(self, new: House, config: Path) -> None:
        for code in ("", "00000000x", "1234 567", "☃" * 8, "0" * 8 if blank.code_of(config.parent) != "0" * 8 else "1" * 8):
            answer = await new.post("/start", {"code": code}, token=False)
            assert answer.status == 401
            assert "set-cookie" not in answer.headers

    async def test_tries_are_bounded_in_a_minute(self, new: House, config: Path) -> None:
        for _ in range(TRIES_MAX):
            assert (await new.post("/start", {"code": "1"}, token=False)).status == 401
        right = blank.code_of(config.parent) or ""
        refused = await new.post("/start", {"code": right}, token=False)
        assert refused.status == 429
        assert "Wait" in refused.text

    async def test_tries_are_bounded_until_the_machine_starts_again(
        self, new: House, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(draft, "WRONG_MAX", 2)
        for _ in range(2):
            await new.post("/start", {"code": "1"}, token=False)
        refused = await new.post("/start", {"code": blank.code_of(config.parent) or ""}, token=False)
        assert refused.status == 429
        assert "off and on" in refused.text
        boot = tmp_path / "boot"
        boot.write_text("another")
        monkeypatch.setattr(draft, "BOOT", boot)
        await begun(new, config)

    async def test_without_one_the_page_says_what_to_do(self, new: House, config: Path) -> None:
        blank.forget_code(config.parent)
        answer = await new.post("/start", {"code": ""}, token=False)
        assert answer.status == 503
        assert "off and on" in answer.text


class TestBlank:
    @pytest.mark.parametrize("path", ["/", "/login", "/sessions", "/setup/file", "/start/parts", "/start/done"])
    async def test_there_is_nothing_else_to_be_seen(self, new: House, path: str) -> None:
        answer = await new.get(path)
        assert (answer.status, answer.headers["location"]) == (303, "/start")

    @pytest.mark.parametrize("path", ["/start/central-system", "/start/test", "/start/parts", "/start/search", "/start/check"])
    async def test_nothing_is_taken_from_who_has_no_code(self, new: House, config: Path, path: str) -> None:
        assert (await new.post(path, CENTRAL, token=False)).status == 401
        assert text_of(config) == ""

    async def test_a_form_of_a_strange_page_is_refused(self, new: House, config: Path) -> None:
        await begun(new, config)
        assert (await new.post("/start/central-system", CENTRAL, token=False)).status == 403
        assert (await new.post("/start/check", {}, token=False, Origin="http://evil.example")).status == 403

    async def test_a_password_of_before_is_void(self, tmp_path: Path, config: Path) -> None:
        async with house(tmp_path) as before:
            password = before.access.first_password() or ""
            await before.log_in(password)
            old = before.cookie
        blank.make_code(tmp_path)
        async with house(tmp_path, blank=config) as here:
            here.cookie = old
            assert (await here.get("/start/central-system")).status == 303
            here.cookie = ""
            assert (await here.post("/login", {"password": password}, token=False)).status == 409

    def test_a_file_that_is_none_counts_only_where_there_never_was_another(self, tmp_path: Path, config: Path) -> None:
        assert blank.is_blank(config)
        for text in ("[", "", '[station]\nvendor = "V"\n', "station = 3\n", '[station]\nidentity = ""\n'):
            config.write_text(text)
            assert blank.is_blank(config), text
            for record in (blank.DONE, blank.TAKEN_OVER, "mine"):
                (tmp_path / record).touch()
                assert not blank.is_blank(config, tmp_path / "mine"), record
                (tmp_path / record).unlink()
        config.write_text('[station]\nidentity = "CK"\n')
        assert not blank.is_blank(config)

    def test_a_link_that_leads_nowhere_at_the_moment_is_somebodys_file(self, tmp_path: Path, config: Path) -> None:
        config.symlink_to(tmp_path / "not-mounted/chargepoint.toml")
        assert not blank.is_blank(config)


class TestAnswers:
    async def test_a_wrong_one_is_named_and_what_was_given_stays(self, new: House, config: Path) -> None:
        await begun(new, config)
        status, page = await say(new, "/start/central-system", {**CENTRAL, "url": "htp://cs.example.org", "identity": "CK_<7>"})
        assert status == 422
        assert "must begin with ws:// or wss://" in page
        assert 'value="CK_&lt;7&gt;"' in page
        status, page = await say(new, "/start/central-system", {**CENTRAL, "authorization_key": "correct horse"})
        assert status == 422
        assert "hexadecimal" in page
        assert "correct horse" not in page
        assert "It is set" not in page, "it was refused"
        assert (await new.get("/start/check")).headers["location"] == "/start/central-system"

    async def test_a_check_that_fails_saves_nothing(self, new: House, config: Path) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        status, page = await say(new, "/start/parts", {**await parts_of(new), "current_a_max": "500"})
        assert status == 422
        assert "current_a_max" in page
        assert new.panel.draft is not None
        new.panel.draft.answer(current_a_max=500.0, meters=[{"map": "sdm630"}])  # past the screens
        assert "Validate and save" not in (await new.get("/start/check")).text
        status, page = await say(new, "/start/check", {})
        assert status == 422
        assert text_of(config) == ""
        assert blank.code_of(config.parent) is not None

    async def test_the_password_can_be_kept_and_removed_and_is_never_shown(self, new: House, config: Path) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        page = (await new.get("/start/central-system")).text
        assert KEY not in page
        assert "It is set: leave the field empty to keep it" in page
        await say(new, "/start/central-system", {**CENTRAL, "authorization_key": ""})
        assert new.panel.draft is not None
        assert new.panel.draft.answers["authorization_key"] == KEY
        await say(new, "/start/parts", await parts_of(new))
        assert KEY not in (await new.get("/start/check")).text
        await say(new, "/start/central-system", {**CENTRAL, "authorization_key": "none"})
        assert new.panel.draft.answers["authorization_key"] == ""

    async def test_the_connection_is_tested_layer_by_layer(self, new: House, config: Path) -> None:
        await begun(new, config)
        closed = {**CENTRAL, "url": "ws://127.0.0.1:9/ocpp"}
        assert await say(new, "/start/test", closed) == (303, "/start/central-system#tested")
        page = (await new.get("/start/central-system")).text
        assert "DNS: 127.0.0.1" in page
        assert "TCP: 127.0.0.1:9 refuses connections" in page
        assert await say(new, "/start/central-system", CENTRAL) == (303, "/start/parts")
        assert "refuses" not in (await new.get("/start/central-system")).text, "it was of another address"

    async def test_meters_are_searched_with_progress_and_again(
        self, new: House, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on = asyncio.Event()
        searches = 0

        async def found(where: Sequence[str], progress: Callable[[str], None]) -> tuple[list[Found], list[str]]:
            nonlocal searches
            searches += 1
            progress("/dev/ttyUSB7, 9600 8N1")
            await go_on.wait()
            return [METER], []

        monkeypatch.setattr(searching, "ports", lambda: ["/dev/ttyUSB7"])
        monkeypatch.setattr(searching, "meters", found)
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        await new.get("/start/parts")
        async with new.listening("/events?topic=search") as stream:
            assert "9600 8N1" in json.dumps(await stream.until("/dev/ttyUSB7"))
            status, page = await say(new, "/start/parts", {"kind": "socket", "current_a_max": "32"})
            assert (status, "not done yet" in page) == (422, True)
            go_on.set()
            await stream.until("unit 3")
        assert await say(new, "/start/search", {"kind": "tethered", "current_a_max": "16"}) == (303, "/start/parts")
        chosen = await parts_of(new)
        assert (searches, chosen["kind"], chosen["meter"]) == (2, "tethered", "found-0")
        assert await say(new, "/start/parts", {**chosen, "meter": "found-1"}) == (303, "/start/check")
        assert await say(new, "/start/check", {}) == (303, "/start/done")
        settings = check_file(config).settings
        assert settings is not None
        assert 'map = "sdm120", unit_id = 3' in text_of(config)
        assert settings.connectors["1"].cable == "tethered"

    async def test_a_power_cut_loses_nothing_and_the_code_is_not_asked_again(self, tmp_path: Path, config: Path) -> None:
        blank.make_code(tmp_path)
        async with house(tmp_path, blank=config) as here:
            await begun(here, config)
            await say(here, "/start/central-system", CENTRAL)
            cookie = here.cookie
        async with house(tmp_path, blank=config) as here:
            here.cookie = cookie
            assert (await here.get("/start")).headers["location"] == "/start/parts"
            assert 'value="CK_0001"' in (await here.get("/start/central-system")).text
            await say(here, "/start/parts", await parts_of(here))
        async with house(tmp_path, blank=config) as here:
            here.cookie = cookie
            assert (await here.get("/start")).headers["location"] == "/start/check"
            assert (await here.get("/start/done")).headers["location"] == "/", "it is not yet"
            assert await say(here, "/start/check", {}) == (303, "/start/done")
        async with house(tmp_path) as here:  # the process that comes up with the new file
            here.cookie = cookie
            assert (await here.get("/")).headers["location"] == "/start/done", "nobody has seen the password yet"

    def test_half_a_draft_is_none(self, tmp_path: Path, config: Path) -> None:
        from chargepoint.panel.guard import Access
        from chargepoint.panel.hands import Hands

        (tmp_path / draft.DRAFT).write_text('{"answers": {"url"')
        made = draft.Draft(config, Access(tmp_path), Hands(None, str(config)))
        assert made.open() is not None
        assert made.answers == {}


class TestDone:
    async def test_the_file_is_the_one_that_the_terminal_writes_for_the_same_answers(
        self, new: House, config: Path, tmp_path: Path
    ) -> None:
        text = await finished(new, config, kind="tethered", current_a_max="16,5")

        class Typing:
            lines = iter(["tethered", "CK_0001", "ws://cs.example.org/ocpp", KEY, "", "mfrc522", "16.5", "y"])

            def say(self, text: str = "") -> None:
                return

            def ask(self, question: str) -> str:
                return next(self.lines)

            ask_secret = ask

        # On the phone it goes without saying that the page is to be seen in the network.
        typed = await Dialogue(Typing(), searching, {"page": blank.EVERYWHERE}, tmp_path / "other.toml").run()
        assert text == document_text(typed.answers)
        assert check_file(config).problems == ()
        assert "listen" not in document_text(Answers(identity="CK", url="ws://cs"))

    async def test_the_password_is_shown_until_it_is_noted_and_then_it_opens_the_page(self, new: House, config: Path) -> None:
        await finished(new, config)
        done = (await new.get("/start/done")).text
        password = new.access.first_password()
        assert password
        assert password in done
        assert (await new.get("/")).headers["location"] == "/start/done"
        token = re.search(r'name="token" content="([0-9a-f]{64})"', done)
        assert token
        assert (await new.post("/start/noted", {"token": token[1]}, token=False)).headers["location"] == "/"
        assert (await new.get("/")).status == 200
        assert (await new.get("/start/done")).headers["location"] == "/"
        new.cookie = ""
        assert (await new.log_in(password)).status == 303

    async def test_it_is_over_for_good(self, new: House, config: Path) -> None:
        code = blank.code_of(config.parent) or ""
        text = await finished(new, config)
        assert not (config.parent / blank.CODE).exists()
        assert not (new.access.directory / draft.DRAFT).exists(), "it held the key"
        assert not list(config.parent.glob(".set-up.*"))
        assert (await new.post("/start", {"code": code}, token=False)).status == 409
        for path in ("/start", "/start/central-system", "/start/parts", "/start/check"):
            assert (await new.get(path)).headers["location"] == "/", path
        assert (await new.post("/start/check", {}, token=False)).status == 409
        assert text_of(config) == text

    async def test_what_it_writes_itself_never_counts_as_somebody_elses(
        self, new: House, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file is there before the answer is: the page must not leave in between."""
        seen = []
        real = blank.put

        def put(path: Path, text: str) -> None:
            assert new.panel.draft is not None
            seen.append((config.exists(), new.panel.draft.overtaken))
            real(path, text)

        monkeypatch.setattr(blank, "put", put)
        await finished(new, config)
        assert seen[-1] == (True, False)

    async def test_a_file_that_came_from_elsewhere_meanwhile_ends_it_and_stays(self, new: House, config: Path) -> None:
        await begun(new, config)
        await say(new, "/start/central-system", CENTRAL)
        parts = await parts_of(new)
        lay(config, '[station]\nidentity = "CARD"\n')
        answer = await new.post("/start/parts", parts, token=False)
        assert answer.status == 409
        assert text_of(config) == '[station]\nidentity = "CARD"\n'
        assert new.panel.draft is not None
        assert new.panel.draft.overtaken
        assert not new.panel.blank

    async def test_a_station_that_was_set_up_has_none_of_it(self, installer: House) -> None:
        for path in ("/start", "/start/parts", "/start/done"):
            assert (await installer.get(path)).headers["location"] == "/"
