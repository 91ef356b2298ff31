"""Every page: who may see it, what it says, and what becomes of hostile forms."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.panel.house import CARD, SESSION, House, connector, house, until

PAGES = ("/", "/sessions", "/messages", "/setup/access")
INSTALLERS = ("/setup", "/setup/file", "/setup/keys", "/setup/tests", "/setup/doctor", "/setup/support", "/setup/access")
POSTS = ("/do/stop-session", "/do/clear-faults", "/do/restart", "/do/test-contactor", "/do/test-light", "/setup", "/setup/file",
         "/setup/take", "/setup/keys", "/setup/doctor", "/setup/access")  # fmt: skip
ROW = {
    "key": 3,
    "connector": 1,
    "id_tag": CARD,
    "started": "2026-11-20T10:00:00Z",
    "stopped": "2026-11-20T11:00:00Z",
    "energy_wh": 7_000,
    "meter_start_wh": 1_000,
    "meter_stop_wh": 8_000,
    "reason": "Local",
    "transaction_id": 77,
    "start_delivery": "confirmed",
    "stop_delivery": "confirmed",
}
FILE_TEXT = '[station]\nidentity = "CK_1"  # ours\nvendor = "V"\nmodel = "M"\n\n[central_system]\nurl = "ws://cs"\n'
FILE = {"file": "/etc/x.toml", "text": FILE_TEXT, "digest": "d1", "restart": False, "writable": True}
FINE = {"fine": True, "problems": [], "remarks": ["a remark"], "connects_to": "ws://cs/CK_2", "verdict": "fine"}


class TestLogin:
    async def test_nothing_is_seen_without_one(self, here: House) -> None:
        for path in (*PAGES, "/events", "/sessions.csv", "/messages.jsonl", *INSTALLERS):
            answer = await here.get(path)
            assert (answer.status, answer.headers["location"][:6]) == (303, "/login"), path
        for path in POSTS:
            assert (await here.post(path, {})).status == 401, path
        assert here.station.asked == []

    async def test_in_and_out(self, here: House) -> None:
        told = await here.log_in()
        assert told.headers["location"] == "/"
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert word in told.headers["set-cookie"]
        assert (await here.get("/")).status == 200
        assert (await here.post("/logout", {})).status == 303
        assert (await here.get("/")).status == 303

    async def test_a_wrong_password_and_too_many_of_them(self, here: House) -> None:
        for _ in range(5):
            assert (await here.log_in("guess")).status == 401
        answer = await here.log_in("guess")
        assert answer.status == 429
        assert 0 < int(answer.headers["retry-after"]) <= 61
        assert "Too many tries" in answer.text

    @pytest.mark.parametrize(
        "place", ["//evil.example/", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/x\r\nX: y"]
    )
    async def test_it_leads_to_no_other_place(self, here: House, place: str) -> None:
        answer = await here.post("/login", {"password": here.access.first_password() or "", "to": place}, token=False)
        assert (answer.status, answer.headers["location"]) == (303, "/")

    async def test_over_tls_the_cookie_stays_there(self, tmp_path: Path) -> None:
        async with house(tmp_path, certificate="x.pem") as here:
            assert "; Secure" in (await here.log_in()).headers["set-cookie"]


class TestForms:
    async def test_a_form_without_its_token_changes_nothing(self, installer: House) -> None:
        for path in POSTS:
            assert (await installer.post(path, {"connector": "1"}, token=False)).status == 403, path
            assert (await installer.post(path, {"connector": "1", "token": "0" * 64}, token=False)).status == 403, path
        assert {do for do, _ in installer.station.asked} <= {"status", "watch"}

    @pytest.mark.parametrize(
        ("name", "value"), [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec_Fetch_Site", "cross-site")]
    )
    async def test_a_form_of_another_page_changes_nothing(self, installer: House, name: str, value: str) -> None:
        token = await installer.token()
        raw = f"connector=1&token={token}".encode()
        answer = await installer.send("/do/stop-session", raw, {name: value})
        assert answer.status == 403
        assert installer.station.did("stop_session") == []

    async def test_a_viewer_sees_and_changes_nothing(self, here: House) -> None:
        await here.log_in(here.access.reset("viewer"))
        assert (await here.get("/")).status == 200
        assert "Set-up" not in (await here.get("/")).text
        for path in INSTALLERS:
            assert (await here.get(path)).status == 403, path
        for path in POSTS:
            assert (await here.post(path, {"connector": "1"})).status == 403, path

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    async def test_hostile_forms_get_an_answer(self, installer: House, data: st.DataObject) -> None:
        installer.station.answers["settings_file"] = FILE
        installer.station.answers["check_settings"] = installer.station.answers["take_settings"] = {**FINE, "taken": False}
        installer.station.answers["get_settings"] = {"keys": []}
        path = data.draw(st.sampled_from([one for one in POSTS if one not in ("/setup/doctor", "/setup/access")]))
        names = st.sampled_from(
            ["connector", "text", "digest", "name", "value", "pattern", "station.identity", "connectors.1.phases"]
        )
        values = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=40)
        fields = data.draw(st.dictionaries(names, values, max_size=5))
        answer = await installer.post(path, fields)
        assert answer.status in (200, 303, 400, 409, 503), answer.text
        assert "Traceback" not in answer.text

    @pytest.mark.parametrize(
        "body", [b"%", b"%zz=%f", b"=&=&=", b"\xff\xfe", b"a=" * 5, b"connector=1%00", b"&" * 200, b"a&" * 400]
    )
    async def test_bodies_that_no_browser_sends(self, installer: House, body: bytes) -> None:
        answer = await installer.post("/do/stop-session", body)
        assert answer.status in (400, 403)

    async def test_words_of_a_peer_stay_words(self, installer: House) -> None:
        evil = "<script>alert(1)</script>\"'&"
        installer.station.status["link"]["reason"] = evil
        installer.station.status["link"]["state"] = evil
        installer.station.status["identity"] = evil
        installer.station.status["connectors"]["1"] = connector(status=evil, light=evil, lost={"meter": evil}, wiring=[evil])
        installer.station.answers["frames"] = {"frames": [{"seq": 1, "at_s": 1.0, "direction": "sent", "text": evil}]}
        installer.station.answers["ledger"] = {"sessions": [{**ROW, "id_tag": evil, "reason": evil}]}
        for path in ("/", "/messages", "/sessions"):
            text = (await installer.get(path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;" in text or path == "/sessions"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/static/panel.js", "/sessions/x"])
    async def test_a_browser_is_told_to_do_nothing_else_with_it(self, installer: House, path: str) -> None:
        answer = await installer.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"

    async def test_no_page_holds_a_script_or_a_style_of_its_own(self, installer: House) -> None:
        installer.station.answers["settings_file"] = FILE
        installer.station.answers["get_settings"] = {"keys": []}
        for path in (*PAGES, *INSTALLERS):
            text = (await installer.get(path)).text
            assert " style=" not in text
            assert "<style" not in text
            assert " onclick" not in text
            assert text.count("<script") == 1

    @pytest.mark.parametrize("path", ["/static/../panel.py", "/static/%2e%2e/panel.py", "/static/panel.py", "/static/"])
    async def test_only_files_of_the_page_are_given_out(self, installer: House, path: str) -> None:
        assert (await installer.get(path)).status == 404

    async def test_what_is_not_there_is_said_in_words(self, installer: House) -> None:
        answer = await installer.get("/nowhere")
        assert answer.status == 404
        assert "There is no such page." in answer.text


class TestNow:
    async def test_what_a_connector_does(self, installer: House) -> None:
        charging = connector(status="Charging", light="charging", pilot="C", contactor="closed", offered_current_a=16.0,
                             current_a=[15.9, 16.0, 16.1], power_w=11_040.0, session=SESSION)  # fmt: skip
        installer.station.status["connectors"]["1"] = charging
        text = (await installer.get("/")).text
        for words in (
            "Charging",
            "11.04\N{NO-BREAK SPACE}kW",
            "0.500\N{NO-BREAK SPACE}kWh",
            "0:01:00",
            "16.1\N{NO-BREAK SPACE}A",
            "E6F7",
            "ws://cs.example.org/ocpp/CK_1",
            "light charging",
        ):
            assert words in text, words
        assert CARD not in text

    async def test_a_fault_comes_with_what_to_do_and_a_button_for_the_installer(self, here: House) -> None:
        faulted = connector(status="Faulted", light="faulted", faults=["contactor_welded"], latched=["contactor_welded"])
        here.station.status["connectors"]["1"] = faulted
        await here.log_in(here.access.reset("viewer"))
        assert "replace the contactor" in (await here.get("/")).text
        assert "/do/clear-faults" not in (await here.get("/")).text
        await here.log_in()
        assert "/do/clear-faults" in (await here.get("/")).text
        assert (await here.post("/do/clear-faults", {"connector": "1"})).status == 200
        assert here.station.did("clear_faults") == [{"connector": 1, "by": "the page"}]

    async def test_the_services_no_is_shown_in_its_own_words(self, installer: House) -> None:
        installer.station.refuse["stop_session"] = "no session runs at connector 1"
        answer = await installer.post("/do/stop-session", {"connector": "1"}, Accept="application/json")
        assert answer.status == 409
        assert json.loads(answer.text)["text"] == "The station says: no session runs at connector 1"

    async def test_without_the_service_the_page_says_so(self, installer: House) -> None:
        await installer.station.close()
        await installer.panel.station.leave()
        answer = await installer.get("/")
        assert answer.status == 200
        assert "service is not running" in answer.text
        assert (await installer.get("/sessions")).status == 503


class TestSessions:
    async def test_listed_filtered_and_exported(self, installer: House) -> None:
        rows = [{**ROW, "key": 4, "connector": 2, "started": "2026-11-21T10:00:00Z", "stop_delivery": "queued"}, ROW]
        installer.station.answers["ledger"] = {"sessions": rows}
        text = (await installer.get("/sessions")).text
        assert "2 sessions, 14.000\N{NO-BREAK SPACE}kWh" in text
        assert CARD not in text
        assert "1 sessions" in (await installer.get("/sessions?connector=2")).text
        assert "1 sessions" in (await installer.get("/sessions?since=2026-11-21")).text
        assert "1 sessions" in (await installer.get("/sessions?until=2026-11-20")).text
        assert "1 sessions" in (await installer.get("/sessions?sent=open")).text
        table = (await installer.get("/sessions.csv?connector=1")).text.splitlines()
        assert table[0].startswith("key,connector,id_tag,started")
        assert len(table) == 2
        assert CARD in table[1]

    async def test_a_viewers_export_holds_no_card(self, here: House) -> None:
        here.station.answers["ledger"] = {"sessions": [ROW]}
        await here.log_in(here.access.reset("viewer"))
        assert CARD not in (await here.get("/sessions.csv")).text

    @pytest.mark.parametrize("query", ["connector=x", "since=yesterday", "page=-1", "connector=99999999999999999999"])
    async def test_a_filter_that_is_none(self, installer: House, query: str) -> None:
        assert (await installer.get(f"/sessions?{query}")).status == 400

    async def test_a_formula_stays_text_in_a_spreadsheet(self, installer: House) -> None:
        installer.station.answers["ledger"] = {"sessions": [{**ROW, "id_tag": "=cmd|' /C calc'!A0"}]}
        assert "'=cmd" in (await installer.get("/sessions.csv")).text

    async def test_one_session_with_its_messages_and_what_waits(self, installer: House) -> None:
        waiting = {"seq": 9, "message": "StopTransaction", "stamp": "2026-11-20T11:00:00Z", "attempts": 2}
        installer.station.answers["session"] = {"session": {**ROW, "queued": [waiting], "dead": []}}
        frames = [
            {"seq": 1, "at_s": 1.0, "direction": "sent", "text": '[2,"a","StartTransaction",{"connectorId":1}]'},
            {
                "seq": 2,
                "at_s": 2.0,
                "direction": "received",
                "text": '[3,"a",{"transactionId":77,"idTagInfo":{"status":"Accepted"}}]',
            },
            {"seq": 3, "at_s": 3.0, "direction": "sent", "text": '[2,"b","MeterValues",{"connectorId":1,"transactionId":77}]'},
            {"seq": 4, "at_s": 4.0, "direction": "sent", "text": '[2,"c","MeterValues",{"connectorId":2,"transactionId":78}]'},
        ]
        installer.station.answers["frames"] = {"frames": frames}
        text = (await installer.get("/sessions/3")).text
        for words in (
            CARD,
            "StartTransaction",
            "Answer to StartTransaction",
            "2 attempts",
            "not in memory any more; its register",
        ):
            assert words in text, words
        assert text.count('class="way"') == 3

    @pytest.mark.parametrize("key", ["x", "-1", "0x10", "9" * 30, "1%2f2"])
    async def test_a_session_that_there_is_not(self, installer: House, key: str) -> None:
        assert (await installer.get(f"/sessions/{key}")).status == 404


class TestSetup:
    async def test_a_change_is_compared_before_it_is_taken(self, installer: House) -> None:
        installer.station.answers["settings_file"] = FILE
        installer.station.answers["check_settings"] = FINE
        form = {
            "digest": "d1",
            "station.identity": "CK_2",
            "central_system.url": "ws://cs",
            "station.vendor": "V",
            "station.model": "M",
        }
        answer = await installer.post("/setup", form)
        assert "These settings are fine" in answer.text
        assert "identity = &quot;CK_2&quot;  # ours" in answer.text
        (checked,) = installer.station.did("check_settings")
        assert checked["text"] == FILE_TEXT.replace("CK_1", "CK_2")
        installer.station.answers["take_settings"] = {**FINE, "taken": True, "digest": "d2", "restart": True}
        taken = await installer.post("/setup/take", {"text": checked["text"], "digest": "d1"})
        assert "Restart the service" in taken.text
        assert installer.station.did("take_settings") == [{"text": checked["text"], "digest": "d1"}]

    async def test_a_mistake_is_told_and_offers_no_taking(self, installer: House) -> None:
        installer.station.answers["settings_file"] = FILE
        problem = {"text": "station.toml [station] identiti: unknown; did you mean identity?"}
        installer.station.answers["check_settings"] = {**FINE, "fine": False, "problems": [problem], "connects_to": None}
        answer = await installer.post("/setup/file", {"digest": "d1", "text": FILE_TEXT.replace("identity", "identiti")})
        assert "did you mean identity?" in answer.text
        assert "Take these settings" not in answer.text

    async def test_an_old_form_is_not_taken_for_new(self, installer: House) -> None:
        installer.station.answers["settings_file"] = {**FILE, "digest": "d9"}
        assert (await installer.post("/setup", {"digest": "d1"})).status == 409

    async def test_nothing_changed_is_said(self, installer: House) -> None:
        installer.station.answers["settings_file"] = FILE
        assert "Nothing is changed" in (await installer.post("/setup/file", {"digest": "d1", "text": FILE_TEXT})).text

    async def test_a_session_is_not_ended_by_a_restart_unless_told(self, installer: House) -> None:
        await installer.post("/do/restart", {})
        assert installer.station.did("restart") == [{"end_sessions": False}]

    async def test_keys(self, installer: House) -> None:
        keys = [
            {"key": "HeartbeatInterval", "value": "30", "readonly": False},
            {"key": "NumberOfConnectors", "value": "1", "readonly": True},
        ]
        installer.station.answers["get_settings"] = {"keys": keys}
        text = (await installer.get("/setup/keys")).text
        assert 'aria-label="Set HeartbeatInterval"' in text
        assert 'aria-label="Set NumberOfConnectors"' not in text
        await installer.post("/setup/keys", {"name": "HeartbeatInterval", "value": "60"})
        assert installer.station.did("set_setting") == [{"name": "HeartbeatInterval", "value": "60"}]

    async def test_a_test_of_the_contactor_asks_first(self, installer: House) -> None:
        text = (await installer.get("/setup/tests")).text
        assert "data-confirm" in text
        assert "nobody may touch it" in text
        assert (await installer.post("/do/test-contactor", {"connector": "1"})).status == 200
        assert installer.station.did("test_contactor") == [{"connector": 1}]


class TestDrivers:
    async def test_their_page_is_there_only_where_it_is_wanted(self, here: House) -> None:
        assert (await here.get("/driver")).status == 404

    async def test_it_tells_how_to_begin_and_nothing_of_anybody(self, tmp_path: Path) -> None:
        async with house(tmp_path, driver_page=True) as here:
            here.station.status["connectors"]["1"] = connector(refused={"why": "expired", "seconds": 5}, session=SESSION)
            text = (await here.get("/driver")).text
            for words in ("Plug in your car and show your card.", "The card has expired."):
                assert words in text
            for secret in ("cs.example.org", "CK_1", "E6F7", "0.500"):
                assert secret not in text
            async with here.listening("/driver/events") as stream:
                here.station.tell_status(status="Charging", light="charging", refused=None)
                await stream.until("Somebody charges here.")


class TestLanguages:
    async def test_the_browsers_the_readers_and_the_settings(self, tmp_path: Path) -> None:
        async with house(tmp_path) as here:
            assert "Anmelden" in (await here.get("/login", Accept_Language="de-AT,de;q=0.9")).text
            chosen = await here.post("/language", {"language": "de", "back": "/login"}, token=False)
            cookie = chosen.headers["set-cookie"].partition(";")[0]
            assert "Anmelden" in (await here.get("/login", Cookie=cookie)).text
            assert (await here.post("/language", {"language": "xx"}, token=False)).status == 400

    async def test_a_setting_goes_before_the_browser(self, tmp_path: Path) -> None:
        async with house(tmp_path, language="de") as here:
            assert "Anmelden" in (await here.get("/login", Accept_Language="en")).text


class TestLive:
    async def test_a_change_is_shown_at_once_and_only_what_changed(self, installer: House) -> None:
        async with installer.listening() as stream:
            assert {"summary", "connector-1", "station"} <= set(await stream.until("Plug in or show a card."))
            installer.station.tell_status(status="Charging", light="charging")
            assert list(await stream.until("Charging")) == ["connector-1"]

    async def test_frames_are_lines_and_a_slow_page_is_told_what_it_missed(self, installer: House) -> None:
        installer.station.answers["frames"] = {
            "frames": [{"seq": 1, "at_s": 1.0, "direction": "sent", "text": '[2,"a","Heartbeat",{}]'}]
        }
        async with installer.listening("/events?topic=messages") as stream:
            assert "Heartbeat" in (await stream.event("frames"))["lines"][0]
            for number in range(300):
                text = f'[2,"{number}","StatusNotification",{{}}]'
                installer.panel.live.hear({"event": "frame", "seq": number, "at_s": 1.0, "direction": "sent", "text": text})
            told = await stream.event("frames")
            assert (len(told["lines"]), told["missed"]) == (200, 100)

    async def test_the_service_goes_and_comes_back(self, installer: House) -> None:
        async with installer.listening() as stream:
            await stream.event("parts")
            await installer.station.close()
            await stream.until("service")
            await installer.station.open()
            await stream.until("The station waits for a car or a card.")

    async def test_fifty_pages_are_one_connection_and_one_drawing(self, installer: House) -> None:
        drawn = 0
        real = installer.panel.live._topics["now"]

        def counted(*arguments: Any) -> Any:
            nonlocal drawn
            drawn += 1
            return real(*arguments)

        installer.panel.live._topics["now"] = counted
        async with asyncio.TaskGroup() as group:
            seen = [group.create_task(self._sees(installer, "Charging")) for _ in range(50)]
            await until(lambda: installer.panel.live.pages == 50)
            drawn = 0
            installer.station.tell_status(status="Charging", light="charging")
        assert all(task.result() for task in seen)
        assert drawn == 1
        assert installer.station.connections == 1

    async def test_pages_are_bounded(self, installer: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chargepoint.panel.pages.PAGES_MAX", 1)
        async with installer.listening() as stream:
            await stream.event("parts")
            assert (await installer.get("/events")).status == 503

    @staticmethod
    async def _sees(here: House, words: str) -> bool:
        async with here.listening() as stream:
            await stream.until(words)
            return True
