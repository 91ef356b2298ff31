"""The panel: who asked, whether they may, and the answer, for every page alike.

Owns the checks that stand before every handler: session and role, that a form comes from this page (token, Origin), headers
that keep a browser from doing anything else with what it gets. A handler gets a `Request` and gives an `Answer`; what it
cannot do it raises, and that becomes a page in plain words.
"""

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import microdot
from msgspec import Struct

from chargepoint.panel.draft import Draft
from chargepoint.panel.guard import Guard, Role, csrf
from chargepoint.panel.html import Html, tag
from chargepoint.panel.live import Live
from chargepoint.panel.page import Reader, page
from chargepoint.panel.station import Away, Refused, Station
from chargepoint.panel.words import Languages, Words

FIELDS_MAX = 300
COOKIE = "session"
LANGUAGE = "language"
BEGIN = "/start"  # the set-up of a blank station
ENDS = ("/start/done", "/start/noted")  # what is left of it afterwards
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Connection": "close",
}


class Wrong(Exception):
    """Something is wrong with what was asked. A sentence for the reader, in their language."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Answer(Struct):
    """body: HTML, text, or an asynchronous iterator of pieces."""

    body: Any = ""
    status: int = 200
    headers: dict[str, Any] = {}

    @classmethod
    def see(cls, place: str) -> "Answer":
        """The browser goes on to another page."""
        return cls("", 303, {"Location": place})

    @classmethod
    def told(cls, value: object) -> "Answer":
        """A value for `panel.js`."""
        return cls(json.dumps(value), 200, {"Content-Type": "application/json"})


class Request:
    """One request of a reader. form: the fields of its body; query: those of its address. address: where it came from."""

    def __init__(self, raw: Any, reader: Reader, cookie: str) -> None:
        self.reader = reader
        self.words = reader.words
        self.cookie = cookie
        self.path = str(raw.path)
        self.host = str(raw.headers.get("Host", ""))
        self.address = str((raw.client_addr or ("local",))[0])
        self.wants_json = "application/json" in raw.headers.get("Accept", "")
        self.query = _fields(raw.query_string or "")
        kind = raw.headers.get("Content-Type", "").partition(";")[0].strip()
        self.form = _fields(raw.body.decode("utf-8", "replace")) if kind == "application/x-www-form-urlencoded" else {}

    def number(self, name: str, most: int = 1_000) -> int:
        """A whole number of the form or address."""
        text = self.form.get(name, self.query.get(name, ""))
        if not (text.isascii() and text.isdecimal() and len(text) < 17 and int(text) <= most):
            raise Wrong(self.words("{name} must be a whole number.", name=name))
        return int(text)


Handler = Callable[..., Awaitable[Answer]]


class Panel:
    """What the pages share. secure: they are reached by https. bench: the virtual hardware's socket, where there is one.
    draft: the set-up of a station that was blank when the page began.
    """

    def __init__(
        self,
        guard: Guard,
        languages: Languages,
        station: Station,
        live: Live,
        *,
        secure: bool = False,
        bench: str | None = None,
        driver_page: bool = False,
        config: str | None = None,
        draft: Draft | None = None,
    ) -> None:
        self.guard = guard
        self.languages = languages
        self.station = station
        self.live = live
        self.secure = secure
        self.bench = bench
        self.driver_page = driver_page
        self.config = config
        self.draft = draft
        self.asked_s = time.monotonic()
        self.app = microdot.Microdot()
        for code in (400, 404, 405, 413, 500):
            self.app.errorhandler(code)(self._lost(code))

    @property
    def blank(self) -> bool:
        """The station is to be set up, and there is nothing else to be seen."""
        return self.draft is not None and self.draft.blank

    def get(self, path: str, handler: Handler, role: Role | None = "viewer") -> None:
        self._add(path, "GET", handler, role)

    def post(self, path: str, handler: Handler, role: Role | None = "installer") -> None:
        self._add(path, "POST", handler, role)

    def page(self, request: Request, title: str, *inside: Any, topic: str = "", status: int = 200) -> Answer:
        return Answer(page(request.reader, request.path, title, *inside, topic=topic, languages=self.languages.all), status)

    def set_cookie(self, name: str, value: str, *, lasts_s: int | None) -> str:
        age = "" if lasts_s is None else f"; Max-Age={lasts_s}"
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{age}" + ("; Secure" if self.secure else "")

    def _add(self, path: str, method: str, handler: Handler, role: Role | None) -> None:
        async def handle(raw: Any, **arguments: Any) -> Any:
            self.asked_s = time.monotonic()
            request = self._request(raw)
            try:
                answer = self._refusal(raw, request, method, role) or await handler(self, request, **arguments)
            except Wrong as error:
                answer = self._failed(request, str(error), error.status)
            except Away as error:
                key = f"away.{error}"
                answer = self._failed(request, request.words(key if request.words.knows(key) else "away.broken"), 503)
            except Refused as error:
                answer = self._failed(request, request.words("The station says: {text}", text=str(error)), 409)
            return self._response(answer)

        self.app.route(path, methods=[method])(handle)

    def _request(self, raw: Any) -> Request:
        cookie = str(raw.cookies.get(COOKIE, ""))
        role = self.guard.session(cookie) if cookie and (self.draft is None or self.draft.admits(cookie)) else None
        words = self.languages.chosen(str(raw.cookies.get(LANGUAGE, "")), str(raw.headers.get("Accept-Language", "")))
        reader = Reader(words, role, csrf(cookie) if role else "", bench=self.bench is not None, blank=self.blank)
        return Request(raw, reader, cookie)

    def _refusal(self, raw: Any, request: Request, method: str, role: Role | None) -> Answer | None:
        """Why the handler is not asked."""
        t = request.words
        if method == "POST" and not _same_origin(raw):
            raise Wrong(t("This form was sent by another page than this one."), 403)
        if (elsewhere := self._elsewhere(request, method)) is not None:
            return elsewhere
        if role is None:
            return None
        if request.reader.role is None:
            if method == "GET" and not request.wants_json:
                if request.reader.blank:
                    return Answer.see(BEGIN)
                return Answer.see("/login" if request.path == "/" else f"/login?to={request.path}")
            raise Wrong(t("You are not logged in any more. Load the page again."), 401)
        if role == "installer" and request.reader.role != "installer":
            raise Wrong(t("Only the installer may do that."), 403)
        if method == "POST" and not hmac.compare_digest(request.form.get("token", "").encode(), csrf(request.cookie).encode()):
            raise Wrong(t("This form is too old. Load the page again."), 403)
        return None

    def _elsewhere(self, request: Request, method: str) -> Answer | None:
        """A blank station has the pages of its set-up and no other; any other station has none of them."""
        path = request.path
        if request.reader.blank:
            if path.startswith((BEGIN, "/static/")) or path in ("/alive", "/language", "/events"):
                return None
            place = BEGIN
        elif path.startswith(BEGIN) and path not in ENDS:
            place = "/"
        else:
            return None
        if method == "GET" and not request.wants_json:
            return Answer.see(place)
        raise Wrong(request.words("The page has changed meanwhile. Load it again."), 409)

    def _failed(self, request: Request, text: str, status: int) -> Answer:
        if request.wants_json:
            return Answer(json.dumps({"text": text}), status, {"Content-Type": "application/json"})
        t = request.words
        back = tag("p", tag("a", t("Back to the first page"), href="/"))
        return self.page(request, t("That did not work"), tag("p", text, class_="banner warn"), back, status=status)

    def _response(self, answer: Answer) -> Any:
        kind = {"Content-Type": "text/html; charset=utf-8"} if isinstance(answer.body, Html) else {}
        body = str(answer.body) if isinstance(answer.body, str) else answer.body
        reason = {200: "OK", 303: "See Other"}.get(answer.status, "Not done")
        return microdot.Response(body, answer.status, {**HEADERS, **kind, **answer.headers}, reason)

    def _lost(self, status: int) -> Callable[[Any], Awaitable[Any]]:
        """A page for what microdot itself refuses."""

        async def handle(raw: Any) -> Any:
            words: Words = self.languages.chosen("", "")
            if raw is None:
                return microdot.Response(f"{words(f'http.{status}')}\n", status, HEADERS, "Not done")
            request = self._request(raw)
            return self._response(self._failed(request, request.words(f"http.{status}"), status))

        return handle


def _same_origin(raw: Any) -> bool:
    """A browser says where a form comes from; what is no browser has no session that a stranger could abuse."""
    site = raw.headers.get("Sec-Fetch-Site", "same-origin")
    origin = raw.headers.get("Origin")
    if site not in ("same-origin", "none"):
        return False
    return origin is None or origin.lower().partition("://")[2] == str(raw.headers.get("Host", "")).lower()


def _fields(text: str) -> dict[str, str]:
    """A form or query as a browser writes it. What cannot be read is text all the same: whoever asked for it checks it. Of more
    than FIELDS_MAX fields only the first are looked at.
    """
    pairs = text.split("&", FIELDS_MAX)[:FIELDS_MAX] if text else []
    return {_plain(name): _plain(value) for name, _, value in (pair.partition("=") for pair in pairs)}


def _plain(text: str) -> str:
    """Without + and %XX."""
    head, *rest = text.replace("+", " ").encode("utf-8", "replace").split(b"%")
    whole = bytearray(head)
    for part in rest:
        try:
            whole += bytes.fromhex(part[:2].decode("ascii")) if len(part) >= 2 else b"%" + part
            whole += part[2:] if len(part) >= 2 else b""
        except ValueError:
            whole += b"%" + part
    return whole.decode("utf-8", "replace")
