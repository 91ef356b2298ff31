"""A blank station set up in a browser the size of a phone: the screens and fields are counted, and the file is right."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chargepoint import blank
from chargepoint.cli.main import main
from hil.browser import PageProcess, browser, missing
from hil.csms import CentralSystem, Settings

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=f"no browser here; install {missing()}"),
    pytest.mark.xdist_group("browser"),
]

WAIT_MS = 8_000
SCREENS_MAX, FIELDS_MAX = 5, 8
PHONE: Any = {"width": 390, "height": 844}
KEY = "00AABBCCDDEEFF"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}
FIELDS = """[...new Set([...document.querySelectorAll("main input:not([type=hidden]), main select, main textarea")]
  .filter((one) => one.checkVisibility()).map((one) => one.name))]"""


class Person:
    """Somebody with a phone in front of a blank station."""

    def __init__(self, opened: "Browser", process: PageProcess, folder: Path) -> None:
        self.opened = opened
        self.process = process
        self.folder = folder
        self.fields: list[str] = []
        self.screens: list[str] = []
        self.errors: list[str] = []

    async def comes(self, **more: Any) -> "Page":
        page = await (await self.opened.new_context(viewport=PHONE, locale="en-GB", **more)).new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        await page.goto(self.process.address)
        return page

    async def counts(self, page: "Page") -> None:
        """What this screen asks for, and that it fits."""
        self.screens.append(await page.locator("h1").inner_text())
        self.fields += await page.evaluate(FIELDS)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), self.screens[-1]

    def code(self) -> str:
        return blank.shown(blank.code_of(self.folder) or "")


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    async with AsyncExitStack() as stack:
        process = PageProcess(tmp_path / "station.toml", tmp_path / "state")
        opened = await stack.enter_async_context(browser())
        stack.push_async_callback(process.stop)
        await process.start()
        yield Person(opened, process, tmp_path)


async def test_from_blank_to_a_file_that_is_right_on_a_phone(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    async with CentralSystem(settings=Settings(password=bytes.fromhex(KEY))) as cs:
        page = await person.comes()
        await person.counts(page)
        await page.get_by_label("Code").fill(person.code())
        await page.keyboard.press("Enter")

        await page.get_by_label("Address").fill(cs.url)
        await person.counts(page)
        await page.get_by_label("Identity").fill("CK_0001")
        assert await page.locator("#preview").inner_text() == f"{cs.url}/CK_0001"
        await page.get_by_label("Password").fill("00")
        await page.get_by_role("button", name="Test the connection").click()
        await page.locator("#tested .mark-bad").wait_for()
        assert "401" in await page.locator("#tested li").last.inner_text()
        await page.get_by_label("Password").fill(KEY)
        await page.get_by_role("button", name="Test the connection").click()
        await page.get_by_text("The Central System can be reached.").wait_for()
        await page.get_by_label("Password").press("Enter")

        await page.get_by_text("No meter answers.").wait_for()
        await person.counts(page)
        await page.get_by_label("a fixed cable").check()
        await page.get_by_label("Meter", exact=True).select_option("map-sdm120")
        await page.get_by_label("Reader", exact=True).select_option(label="no reader")
        await page.get_by_label("Fuse").fill("20")
        await page.go_back()
        assert await page.get_by_label("Identity").input_value() == "CK_0001"
        await page.reload()
        assert await page.locator("#tested .mark-good").count() > 3
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_label("a fixed cable").check()
        await page.get_by_label("Meter", exact=True).select_option("map-sdm120")
        await page.get_by_label("Fuse").fill("20")
        await page.get_by_role("button", name="Continue").click()

        await page.get_by_text("These settings are fine").wait_for()
        await person.counts(page)
        await page.get_by_role("button", name="Validate and save").click()

        password = await page.locator("#first-password").inner_text()
        await person.counts(page)
        await page.get_by_role("button", name="Noted").click()
        await page.get_by_text("The station's service is not running, or is starting.").wait_for()

    assert len(person.screens) == len(set(person.screens)) <= SCREENS_MAX, person.screens
    assert len(person.fields) == len(set(person.fields)) <= FIELDS_MAX, person.fields
    assert person.errors == []
    assert main(["check-config", "--config", str(person.folder / "station.toml")]) == 0
    assert f"{cs.url}/CK_0001" in capsys.readouterr().out
    other = await person.comes()
    await other.get_by_label("Password").fill(password)
    await other.get_by_role("button", name="Log in").click()
    await other.get_by_role("link", name="Sessions").wait_for()


async def test_nothing_stands_in_anybodys_way(person: Person) -> None:
    """axe-core's rules for WCAG 2.1 AA on every screen, a refused one among them; light and dark by turns, in German."""
    axe = pytest.importorskip(
        "axe_playwright_python.async_playwright", reason="the package axe-playwright-python is not installed"
    )
    context = await person.opened.new_context(viewport=PHONE, locale="de-DE", reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(person.process.address)
    schemes: Any = cycle(("light", "dark"))

    async def well(title: str) -> None:
        await page.emulate_media(color_scheme=next(schemes))
        await page.wait_for_function("(title) => document.querySelector('h1').textContent === title", arg=title)
        found = (await axe.Axe().run(page, options=RULES)).response["violations"]
        assert {one["id"]: [node["html"][:160] for node in one["nodes"]] for one in found} == {}, title
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), title

    await page.locator("#code").fill("1")
    await page.locator("button.main").click()
    await page.get_by_role("alert").first.wait_for()
    await well("Diese Station einrichten")
    await page.locator("#code").fill(person.code())
    await page.locator("button.main").click()
    await page.locator("#url").fill("ws://127.0.0.1:9/ocpp")
    await page.locator("#identity").fill("CK_0001")
    await page.locator("button[data-busy]").click()
    await page.locator("#tested").wait_for()
    await well("Zentralsystem")
    await page.locator("button.main").click()
    await page.locator("#meter option[value='map-sdm630']").wait_for(state="attached")
    await well("Teile der Station")
    await page.locator("button.main").click()
    await page.locator("summary").click()
    await well("Prüfen und speichern")
    await page.locator("button.main").click()
    await page.locator("#first-password").wait_for()
    await well("Die Station ist eingerichtet")
