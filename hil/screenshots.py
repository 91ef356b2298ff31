"""`python -m hil.screenshots [DIR]`: the pictures of docs/panel.md, of a station that charges on the bench."""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint import blank
from hil.browser import ROOT, PageProcess, browser, missing
from hil.demo.stage import Options, Stage, staged

if TYPE_CHECKING:
    from playwright.async_api import Browser

WHERE = ROOT / "docs" / "page"
DESKTOP: Any = {"width": 1160, "height": 820}
PHONE: Any = {"width": 390, "height": 844}
SETTLE_MS = 1_200
# name, path, desktop or phone, scheme, language
PICTURES = (
    ("now", "/", DESKTOP, "light", "en-GB"),
    ("now-phone", "/", PHONE, "dark", "de-DE"),
    ("sessions", "/sessions", DESKTOP, "light", "en-GB"),
    ("session", "/sessions/1", DESKTOP, "dark", "en-GB"),
    ("messages-phone", "/messages", PHONE, "light", "en-GB"),
    ("setup", "/setup", DESKTOP, "light", "en-GB"),
    ("setup-refused", "refused", DESKTOP, "light", "en-GB"),
    ("bench", "/bench", DESKTOP, "dark", "en-GB"),
    ("driver-phone", "/driver", PHONE, "light", "de-DE"),
)


async def main(where: Path) -> int:
    if (wanted := missing()) is not None:
        print(f"screenshots: no browser here; install {wanted}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        async with AsyncExitStack() as stack:
            stage = await stack.enter_async_context(staged(Options(directory=Path(folder), speed=60.0)))
            _with_drivers(Path(folder) / "station.toml")
            await stage.power()
            process = PageProcess(Path(folder) / "station.toml", Path(folder) / "state")
            stack.push_async_callback(process.stop)
            await process.start()
            await _live(stage)
            opened = await stack.enter_async_context(browser())
            for name, path, size, scheme, language in PICTURES:
                await _picture(opened, process, where / f"{name}.png", path, size, scheme, language)
                print(where / f"{name}.png")
    await beginning(where)
    return 0


async def beginning(where: Path) -> None:
    """The set-up of a blank station on a phone."""
    with tempfile.TemporaryDirectory(prefix="page-", dir="/tmp") as folder:
        home = Path(folder)
        process = PageProcess(home / "chargepoint.toml", home / "state")
        async with AsyncExitStack() as stack:
            stack.push_async_callback(process.stop)
            await process.start()
            opened = await stack.enter_async_context(browser())
            context = await opened.new_context(viewport=PHONE, locale="en-GB", device_scale_factor=1.5, reduced_motion="reduce")
            page = await context.new_page()

            async def taken(name: str) -> None:
                await page.screenshot(path=where / f"begin-{name}.png", full_page=True)
                print(where / f"begin-{name}.png")

            await page.goto(process.address)
            await taken("code")
            await page.locator("#code").fill(blank.code_of(home) or "")
            await page.locator("button.main").click()
            await page.locator("#url").fill("ws://127.0.0.1:9/ocpp")
            await page.locator("#identity").fill("CK_0001")
            await page.locator("button[data-busy]").click()
            await page.locator("#tested").wait_for()
            await taken("central-system")
            await page.locator("button.main").click()
            await page.locator("#meter option[value='map-sdm630']").wait_for(state="attached")
            await taken("parts")
            await page.locator("button.main").click()
            await page.get_by_text("These settings are fine").wait_for()
            await page.locator("button.main").click()
            await page.locator("#first-password").wait_for()
            await taken("done")


def _with_drivers(config: Path) -> None:
    with config.open("a") as file:
        file.write("\n[panel]\ndriver_page = true\n")


async def _live(stage: Stage) -> None:
    """Some sessions behind it, one under way, and a second connector whose lock is jammed."""
    await stage.until("a station that is accepted", lambda scene: len(stage.reported) > 2, 20)
    for seconds in (3.0, 5.0, 4.0):
        await _charge(stage, seconds)
        await stage.bench.do("tap", id_tag="04A2B3C4D5", reader=1)
        await stage.bench.wait_for(lambda state: state["connectors"]["1"]["contactor"] == "open", 10)
        await stage.bench.do("unplug", connector=1)
        await stage.bench.wait_for(lambda state: state["connectors"]["1"]["indicator"] == "available", 10)
    await _charge(stage, 6.0)
    await stage.bench.do("ev", connector=1, max_current_a=10)
    await asyncio.sleep(5)
    await stage.bench.do("ev", connector=1, max_current_a=16)
    await stage.bench.do("fault", connector=2, kind="lock_jammed", active=True)
    await stage.bench.do("plug", connector=2)
    await stage.bench.do("tap", id_tag="04FFEEDDCC", reader=2)
    await asyncio.sleep(8)


async def _charge(stage: Stage, seconds: float) -> None:
    await stage.bench.do("plug", connector=1, max_current_a=16)
    await stage.bench.wait_for(lambda state: state["connectors"]["1"]["indicator"] == "card_wanted", 10)
    await stage.bench.do("tap", id_tag="04A2B3C4D5", reader=1)
    await stage.bench.wait_for(lambda state: state["connectors"]["1"]["contactor"] == "closed", 10)
    await asyncio.sleep(seconds)


async def _picture(
    opened: "Browser", process: PageProcess, file: Path, path: str, size: Any, scheme: Any, language: str
) -> None:
    context = await opened.new_context(
        viewport=size,
        color_scheme=scheme,
        locale=language,
        device_scale_factor=1.5 if size is PHONE else 1,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    place = process.address.rstrip("/")
    await page.goto(f"{place}/login")
    await page.locator("#password").fill(process.password())
    await page.locator("button.main").click()
    await page.wait_for_url(f"{place}/")
    await page.goto(place + ("/setup" if path == "refused" else path))
    if path == "refused":
        await page.get_by_label("Greatest current, in ampere").first.fill("500")
        await page.get_by_role("button", name="Check and compare").click()
        await page.get_by_role("heading", name="These settings would not work").wait_for()
    await page.wait_for_timeout(SETTLE_MS)
    await page.screenshot(path=file, full_page=path == "/")
    await context.close()


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WHERE
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(main(folder)))
