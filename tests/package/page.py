"""The page of a machine's station, as the installer's browser asks for it."""

import asyncio
import http.client
import re
from urllib.parse import urlencode

from hil.machine import Machine

TOKEN = re.compile(r'name="token" content="([0-9a-f]{64})"')
PATIENCE_S = 60.0

Asked = tuple[http.client.HTTPResponse, bytes]


class InstallersPage:
    """port: where the page listens on this host's loopback, which the machine shares."""

    def __init__(self, machine: Machine, port: int) -> None:
        self._machine, self._port = machine, port
        self._cookie = ""

    async def log_in(self) -> None:
        await self.get("/login")  # it is started, and makes its first password
        said = await asyncio.to_thread(self._machine.run, "chargepoint", "panel", "--password")
        head, _ = await self._asked("POST", "/login", {"password": said.stdout.strip()})
        self._cookie = str(head.getheader("set-cookie", "")).partition(";")[0]
        assert self._cookie, head.status

    async def get(self, path: str) -> bytes:
        head, body = await self._asked("GET", path)
        assert head.status == 200, body[-2_000:]
        return body

    async def post(self, path: str, **fields: str) -> bytes:
        """A form with its token; where the answer leads, when it leads elsewhere."""
        token = TOKEN.search((await self.get("/")).decode())
        assert token is not None
        head, body = await self._asked("POST", path, {**fields, "token": token[1]})
        if head.status == 303:
            return await self.get(str(head.getheader("location")))
        assert head.status == 200, body[-2_000:]
        return body

    async def _asked(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        def ask() -> Asked:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            try:
                heads = {"Cookie": self._cookie} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
                connection.request(method, path, urlencode(form) if form else None, heads)
                answer = connection.getresponse()
                return answer, answer.read()
            finally:
                connection.close()

        return await asyncio.to_thread(ask)
