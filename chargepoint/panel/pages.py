"""The first pages: logging in and out, Now, live events, the files of the page itself."""

from functools import cache
from pathlib import Path

from chargepoint.panel import messages, now
from chargepoint.panel.guard import SESSION_WHOLE_S, TooManyTries
from chargepoint.panel.html import tag
from chargepoint.panel.live import PAGES_MAX, Page
from chargepoint.panel.panel import COOKIE, ENDS, LANGUAGE, Answer, Panel, Request, Wrong

STATIC = Path(__file__).parent / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
YEAR_S = 365 * 86_400
CATCH_UP = 50


def add_to(panel: Panel) -> None:
    panel.get("/", first)
    panel.get("/events", events)
    panel.get("/alive", alive, None)
    panel.get("/login", login, None)
    panel.post("/login", log_in, None)
    panel.post("/logout", log_out, None)
    panel.post("/language", choose_language, None)
    panel.get("/static/<name>", static, None)
    panel.post("/do/stop-session", stop_session)
    panel.post("/do/clear-faults", clear_faults)


async def first(panel: Panel, request: Request) -> Answer:
    if request.reader.role == "installer" and panel.guard.first_password() is not None:
        return Answer.see(ENDS[0])  # in by the set-up's code, and the password not noted yet
    view = panel.live.view
    if view.status is None or view.away is not None:
        status = await _status(panel)
        if status is not None:
            panel.live.hear({"event": "status", **status})
    assert request.reader.role is not None
    await panel.live.freshen()
    parts = panel.live.parts("now", request.words, request.reader.role)
    return panel.page(request, request.words("Now"), now.content(parts), topic="now")


async def _status(panel: Panel) -> dict[str, object] | None:
    """None where the service does not answer: the page says so itself."""
    from chargepoint.panel.station import Away

    try:
        return await panel.station.ask("status")
    except Away:
        return None


async def events(panel: Panel, request: Request) -> Answer:
    topic = request.query.get("topic", "now")[:20]
    if panel.live.pages >= PAGES_MAX:
        raise Wrong(request.words("Too many pages are open. Close some."), 503)
    assert request.reader.role is not None
    if not panel.blank:
        panel.station.watch()
    opened = Page(request.words, request.reader.role, topic)
    if topic == "messages":
        frames = (await panel.station.ask("frames", limit=CATCH_UP))["frames"]  # what came after the page was made
        opened.frames.extend(messages.list_of(panel, request, frames))
    return Answer(panel.live.events(opened), 200, {"Content-Type": "text/event-stream; charset=utf-8"})


async def alive(panel: Panel, request: Request) -> Answer:
    return Answer.told({"alive": True})


async def static(panel: Panel, request: Request, name: str) -> Answer:
    found = _files().get(name)
    if found is None:
        raise Wrong(request.words("http.404"), 404)
    return Answer(found, 200, {"Content-Type": KINDS[Path(name).suffix], "Cache-Control": "max-age=60"})


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in KINDS}


# Logging in and out


async def login(panel: Panel, request: Request) -> Answer:
    if request.reader.role is not None:
        return Answer.see("/")
    return _login_page(panel, request, None)


def _login_page(panel: Panel, request: Request, trouble: str | None, status: int = 200) -> Answer:
    t = request.words
    to = request.form.get("to", request.query.get("to", ""))
    form = tag(
        "form",
        tag("p", trouble, class_="banner bad", role="alert") if trouble else None,
        tag("label", t("Password"), for_="password"),
        tag(
            "input",
            id="password",
            name="password",
            type="password",
            autocomplete="current-password",
            required=True,
            autofocus=True,
        ),
        tag("input", type="hidden", name="to", value=to),
        tag("button", t("Log in"), class_="main"),
        tag("p", t("login.hint"), " ", tag("code", "sudo chargepoint panel --password"), class_="hint"),
        method="post",
        action="/login",
        class_="card narrow",
    )
    return panel.page(request, t("Log in"), form, status=status)


async def log_in(panel: Panel, request: Request) -> Answer:
    t = request.words
    try:
        begun = await panel.guard.log_in(request.form.get("password", ""), request.address)
    except TooManyTries as error:
        wait_s = int(error.wait_s) + 1
        answer = _login_page(panel, request, t("Too many tries. Wait {seconds} seconds.", seconds=wait_s), 429)
        answer.headers = {"Retry-After": str(wait_s)}
        return answer
    if begun is None:
        return _login_page(panel, request, t("This password is not right."), 401)
    answer = Answer.see(_own_place(request.form.get("to", "")))
    answer.headers["Set-Cookie"] = panel.set_cookie(COOKIE, begun[0], lasts_s=int(SESSION_WHOLE_S))
    return answer


async def log_out(panel: Panel, request: Request) -> Answer:
    if request.cookie:
        panel.guard.log_out(request.cookie)
    answer = Answer.see("/login")
    answer.headers["Set-Cookie"] = panel.set_cookie(COOKIE, "", lasts_s=0)
    return answer


async def choose_language(panel: Panel, request: Request) -> Answer:
    code = request.form.get("language", "")
    if code not in [words.code for words in panel.languages.all]:
        raise Wrong(request.words("There is no such language."))
    answer = Answer.see(_own_place(request.form.get("back", "")))
    answer.headers["Set-Cookie"] = panel.set_cookie(LANGUAGE, code, lasts_s=YEAR_S)
    return answer


def _own_place(told: str) -> str:
    """A path of this page, and nothing that a browser could take for another one."""
    plain = told.isascii() and told.isprintable() and "\\" not in told and len(told) < 200
    return told if plain and told.startswith("/") and not told.startswith("//") else "/"


# What the buttons of Now do


async def stop_session(panel: Panel, request: Request) -> Answer:
    await panel.station.ask("stop_session", connector=request.number("connector"))
    return Answer.told({"text": request.words("The session ends.")})


async def clear_faults(panel: Panel, request: Request) -> Answer:
    await panel.station.ask("clear_faults", connector=request.number("connector"), by="the page")
    return Answer.told({"text": request.words("The fault is cleared.")})
