"""A page: the frame around every view, and the pieces that several of them show."""

from datetime import UTC, datetime
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.words import Words

TITLE = "Charging station"
NOTHING = "\N{EN DASH}"
PLACES = (("/", "Now"), ("/sessions", "Sessions"), ("/messages", "Messages"), ("/setup", "Set-up"))


class Reader:
    """Who asked for a page. role: None for nobody in particular. token: what their forms must carry. bench: one is there.
    blank: the station is being set up, and has no other pages.
    """

    def __init__(self, words: Words, role: Role | None, token: str, *, bench: bool = False, blank: bool = False) -> None:
        self.words = words
        self.role = role
        self.token = token
        self.bench = bench
        self.blank = blank

    @property
    def may_change(self) -> bool:
        return self.role == "installer"


def page(reader: Reader, path: str, title: str, *inside: Inside, topic: str = "", languages: tuple[Words, ...] = ()) -> Html:
    """A whole document. topic: what of the station's news it wants, see `live`."""
    t = reader.words
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="token", content=reader.token) if reader.token else None,
        tag("title", f"{title} · {t(TITLE)}"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/panel.css"),
        tag("script", src="/static/panel.js", defer=True),
    )
    stale = tag(
        "p",
        id="stale",
        class_="banner warn",
        role="alert",
        hidden=True,
        data_lost=t("This page has lost its connection. What it shows is old; it goes on by itself."),
        data_again=t("Try again"),
    )
    body = tag(
        "body",
        tag("a", t("To the content"), href="#content", class_="skip"),
        _header(reader, path),
        tag("main", stale, tag("h1", title, class_="unseen" if path == "/" else None), inside, id="content", tabindex=-1),
        _footer(reader, path, languages),
        data_topic=topic or None,
    )
    return joined((Html("<!doctype html>\n"), tag("html", head, body, lang=t.code)))


def _header(reader: Reader, path: str) -> Html:
    t = reader.words
    places = [*PLACES, *((("/bench", "Bench"),) if reader.bench else ())]
    links = [
        tag("li", tag("a", t(name), href=to, aria_current="page" if _under(path, to) else None))
        for to, name in places
        if reader.may_change or to not in ("/setup", "/bench")
    ]
    out = tag(
        "form",
        token_field(reader),
        tag("button", t("Log out"), class_="quiet"),
        method="post",
        action="/logout",
    )
    return tag(
        "header",
        tag("a", _mark(), tag("span", t(TITLE)), href="/", class_="brand"),
        (tag("nav", tag("ul", links), aria_label=t("Pages")), out) if reader.role and not reader.blank else None,
    )


def _footer(reader: Reader, path: str, languages: tuple[Words, ...]) -> Html:
    t = reader.words
    roles = {"installer": t("You are logged in as the installer."), "viewer": t("You may look, but not change anything.")}
    choice = [
        tag(
            "button",
            one.name,
            name="language",
            value=one.code,
            lang=one.code,
            aria_pressed="true" if one.code == t.code else None,
        )
        for one in languages
    ]
    return tag(
        "footer",
        tag("p", roles[reader.role]) if reader.role and not reader.blank else None,
        tag("form", tag("input", type="hidden", name="back", value=path), choice, method="post", action="/language")
        if len(choice) > 1
        else None,
    )


def _mark() -> Html:
    bolt = tag("path", d="M13 2 5 13.5h5L9 22l8-11.5h-5z")
    return tag("svg", bolt, viewBox="0 0 22 24", width=20, height=22, aria_hidden="true", class_="mark")


def _under(path: str, place: str) -> bool:
    return path == place if place == "/" else path == place or path.startswith(place + "/")


def token_field(reader: Reader) -> Html:
    return tag("input", type="hidden", name="token", value=reader.token)


def button(label: str, do: str, /, *, confirm: str = "", kind: str = "", **fields: Any) -> Html:
    """A button that `panel.js` posts, with the token of the page; confirm: what is asked before."""
    told = "&".join(f"{name}={value}" for name, value in fields.items())
    return tag(
        "button", label, type="button", class_=kind or None, data_post=do, data_fields=told, data_confirm=confirm or None
    )


def facts(*pairs: tuple[str, Inside]) -> Html:
    """Names and what they are, those that are anything."""
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value not in (None, "")]
    return tag("dl", rows, class_="facts")


def notice(kind: str, *inside: Inside) -> Html:
    """kind: good, warn or bad; told in words as well."""
    return tag("div", inside, class_=f"banner {kind}", role="status")


# Values


def amount(t: Words, value: object, digits: int, unit: str) -> str:
    return NOTHING if not _is_number(value) else f"{t.number(float(value), digits)}\N{NO-BREAK SPACE}{unit}"  # type: ignore[arg-type]


def power(t: Words, value_w: object) -> str:
    return amount(t, float(value_w) / 1000, 2, "kW") if _is_number(value_w) else NOTHING  # type: ignore[arg-type]


def energy(t: Words, value_wh: object) -> str:
    return amount(t, float(value_wh) / 1000, 3, "kWh") if _is_number(value_wh) else NOTHING  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def duration(value_s: object) -> str:
    """h:mm:ss, with days where there are any."""
    if not _is_number(value_s) or float(value_s) < 0:  # type: ignore[arg-type]
        return NOTHING
    minutes, seconds = divmod(int(float(value_s)), 60)  # type: ignore[arg-type]
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hours}:{minutes:02}:{seconds:02}"


def instant(value: object) -> Html:
    """A UTC date; `panel.js` tells it in the reader's own time."""
    try:
        at = datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return Html(NOTHING)
    return tag("time", at.strftime("%Y-%m-%d %H:%M:%S UTC"), datetime=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def blanked(id_tag: str) -> str:
    """As on the first page: the last four characters, if it is long enough to stay secret."""
    return "•" * (len(id_tag) - 4) + id_tag[-4:] if len(id_tag) >= 8 else "•" * len(id_tag)
