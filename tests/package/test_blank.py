"""A package and nothing else: the page sets the station up over the network, and the service starts."""

import asyncio
import re
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest

from chargepoint.cli.card import addresses
from hil.csms import CentralSystem
from hil.machine import Machine
from tests.package.conftest import VERSIONS, Machines, Packages, free_port, sh, until

CARD = "/boot/firmware/chargepoint-status.txt"


class Phone:
    """A browser without a window: it keeps its cookie, and puts the token into its forms."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)
        self._cookie = ""

    async def get(self, path: str) -> str:
        return await asyncio.to_thread(self._say, "GET", path, None)

    async def post(self, path: str, **fields: str) -> str:
        """Where it leads, or the page that it gives."""
        return await asyncio.to_thread(self._say, "POST", path, fields)

    def _say(self, method: str, path: str, fields: dict[str, str] | None) -> str:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        if fields is not None and self._cookie:
            token = re.search(r'name="token" content="([0-9a-f]{64})"', self._say("GET", "/start/central-system", None))
            assert token
            fields = {**fields, "token": token[1]}
        body = urlencode(fields) if fields is not None else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection(*self._place, timeout=20)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            if given := answer.getheader("Set-Cookie"):
                self._cookie = given.partition(";")[0]
            return answer.getheader("Location") or answer.read().decode()
        finally:
            connection.close()


@pytest.mark.timeout(300)
async def test_a_blank_station_is_set_up_over_the_network_and_starts(packages: Packages, machines: Machines) -> None:
    machine = machines({"/srv/packages": packages.folder})
    seen = next((one for one in addresses() if ":" not in one), None)
    if seen is None:
        pytest.skip("this machine has no network: ip address add 192.0.2.1/24 dev lo")
    port = free_port(seen)
    machine.path("/boot/firmware").mkdir(parents=True)
    await installed(machine, port)
    phone = Phone(seen, port)
    assert await phone.get("/sessions") == "/start"

    code = (await sh(machine, "chargepoint panel --password")).strip()
    assert re.fullmatch(r"\d{4} \d{4}", code)
    await until(machine, f"grep -q '{code}' {CARD} && grep -q '{code}' /run/issue.d/chargepoint.issue", "the code is shown")
    assert seen in machine.path(CARD).read_text()
    assert "not right" in await phone.post("/start", code="0000 0000" if code != "0000 0000" else "1111 1111")
    assert await phone.post("/start", code=code) == "/start/central-system"

    async with CentralSystem() as cs:
        central = {"url": cs.url, "identity": "CK_BLANK", "authorization_key": "00AABBCCDDEEFF00"}
        assert await phone.post("/start/test", **central) == "/start/central-system#tested"
        assert "The Central System can be reached." in await phone.get("/start/central-system")
        machine.power_cut()
        await asyncio.to_thread(machine.start)
        assert await phone.get("/start") == "/start/parts"
        await parts_are_searched(phone)
        parts = {"kind": "simulated", "meter": "map-sdm630", "reader": "reader-1", "current_a_max": "16"}
        assert await phone.post("/start/parts", **parts) == "/start/check"
        reviewed = await phone.get("/start/check")
        assert "These settings are fine" in reviewed
        of: Any = re.search(r'name="of" value="([0-9a-f]{64})"', reviewed)
        assert await phone.post("/start/check", of=of[1]) == "/start/done"
        station = await cs.station("CK_BLANK")
        await station.expect("BootNotification", timeout_s=20.0)
    await it_is_over(machine, phone, code)


async def installed(machine: Machine, port: int) -> None:
    """The machine shares its host's network, where somebody else may have 8080: the port is another one, the rest as it is."""
    folder = machine.path("/etc/systemd/system/chargepoint-panel.socket.d")
    folder.mkdir(parents=True)
    (folder / "zz-port.conf").write_text(f"[Socket]\nListenStream=\nListenStream=0.0.0.0:{port}\n")
    await sh(machine, f"dpkg --install /srv/packages/{VERSIONS[0]}/chargepoint_*.deb")
    assert "ListenStream=0.0.0.0:8080" in await sh(machine, "systemctl cat chargepoint-panel.socket")
    assert (await sh(machine, "systemctl is-active chargepoint", check=False)).strip() == "inactive"
    await until(machine, "systemctl is-active chargepoint-setup-code", "the code's unit runs")


async def parts_are_searched(phone: Phone) -> None:
    async with asyncio.timeout(30):
        while 'value="map-sdm630"' not in await phone.get("/start/parts"):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.2)


async def it_is_over(machine: Machine, phone: Phone, code: str) -> None:
    password: Any = re.search(r'id="first-password">([^<]+)<', await phone.get("/start/done"))
    assert password
    assert await phone.get("/start/central-system") == "/"
    assert await sh(machine, "chargepoint panel --password") == f"{password[1]}\n"
    await until(machine, f"test ! -e /run/issue.d/chargepoint.issue && ! grep -q '{code}' {CARD}", "the code is shown no more")
    await until(machine, "systemctl is-active chargepoint-setup-code | grep -q ^inactive", "the code's unit has ended")
    assert await sh(machine, "stat --format '%G %a' /etc/chargepoint/chargepoint.toml") == "chargepoint 640\n"
    assert code not in await sh(machine, "journalctl --no-pager --output=cat")
    assert code.replace(" ", "") not in await sh(machine, "journalctl --no-pager --output=cat")
    assert "/etc/chargepoint/setup-code" not in await sh(machine, "ls -d /etc/chargepoint/*")
    assert await sh(machine, "systemctl list-units --failed --no-legend 'chargepoint*'") == ""
    await sh(machine, "systemctl stop chargepoint && systemctl daemon-reload")
    assert (await sh(machine, "systemctl is-active chargepoint", check=False)).strip() == "inactive", "nothing starts it again"
