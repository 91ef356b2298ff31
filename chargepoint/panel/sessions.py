"""Sessions: the ledger with a filter, energy per day, an export, and everything that is known of one session."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chargepoint.panel import messages
from chargepoint.panel.html import Html, Inside, tag
from chargepoint.panel.page import NOTHING, amount, blanked, duration, energy, facts, instant
from chargepoint.panel.panel import Answer, Panel, Request, Wrong
from chargepoint.panel.plot import day_plot, power_plot
from chargepoint.panel.words import Words

PAGE = 500
SCANNED_MAX = 20_000
SHOWN = 50
DAYS = 30
TRACE_S = 86_400

Row = dict[str, Any]


def add_to(panel: Panel) -> None:
    panel.get("/sessions", listed)
    panel.get("/sessions.csv", export)
    panel.get("/sessions/<key>", one)


class Filter:
    """What of the ledger is wanted. since, until: days, UTC."""

    def __init__(self, request: Request) -> None:
        t, asked = request.words, request.query
        self.connector = request.number("connector") if asked.get("connector") else None
        self.since = _day(t, asked.get("since", ""))
        self.until = _day(t, asked.get("until", ""))
        self.sent = asked.get("sent", "") if asked.get("sent") in ("confirmed", "open") else ""
        self.page = request.number("page", SCANNED_MAX) if asked.get("page") else 0

    def takes(self, row: Row) -> bool:
        began = str(row.get("started") or "9999")[:10]  # one that is not dated yet is new
        return (
            (self.connector is None or row.get("connector") == self.connector)
            and (self.since is None or began >= self.since.isoformat())
            and (self.until is None or began <= self.until.isoformat() or row.get("started") is None)
            and (not self.sent or (self.sent == "confirmed") == _confirmed(row))
        )

    def past(self, row: Row) -> bool:
        """Everything after this row is older than what is wanted."""
        began = row.get("started")
        return self.since is not None and isinstance(began, str) and began[:10] < self.since.isoformat()

    def query(self, **changed: Any) -> str:
        told = {
            "connector": self.connector,
            "since": self.since,
            "until": self.until,
            "sent": self.sent,
            "page": self.page,
            **changed,
        }
        return "&".join(f"{name}={value}" for name, value in told.items() if value)


async def _rows(panel: Panel, wanted: Callable[[Row], bool], past: Callable[[Row], bool]) -> AsyncIterator[Row]:
    """The ledger's rows, the newest first, as far back as SCANNED_MAX."""
    for offset in range(0, SCANNED_MAX, PAGE):
        rows = (await panel.station.ask("ledger", limit=PAGE, offset=offset))["sessions"]
        for row in rows:
            if past(row):
                return
            if wanted(row):
                yield row
        if len(rows) < PAGE:
            return


async def listed(panel: Panel, request: Request) -> Answer:
    t, chosen = request.words, Filter(request)
    shown: list[Row] = []
    skip, more, total_wh, count = chosen.page * SHOWN, False, 0.0, 0
    days: dict[str, float] = {}
    first_day = datetime.now(UTC).date() - timedelta(days=DAYS - 1)
    async for row in _rows(panel, chosen.takes, chosen.past):
        count += 1
        total_wh += float(row.get("energy_wh") or 0)
        began = str(row.get("started") or "")[:10]
        days[began] = days.get(began, 0.0) + float(row.get("energy_wh") or 0)
        if skip < count <= skip + SHOWN:
            shown.append(row)
        more = count > skip + SHOWN
    month = [(day := (first_day + timedelta(days=at)).isoformat(), days.get(day, 0.0)) for at in range(DAYS)]
    return panel.page(
        request,
        t("Sessions"),
        tag("section", tag("h2", t("Energy per day")), day_plot(t, month, t("Energy per day")), class_="card"),
        tag(
            "section",
            _filters(t, chosen, await _connectors(panel)),
            tag("p", t("{count} sessions, {energy}", count=count, energy=energy(t, total_wh)), class_="hint"),
            _table(t, shown) if shown else tag("p", t("No sessions."), class_="why"),
            _steps(t, chosen, more=more),
            class_="card",
        ),
    )


def _table(t: Words, rows: list[Row]) -> Html:
    heads = (t("No."), t("Began"), t("Connector"), t("Energy"), t("Time"), t("Card"), t("Ended by"), t("Delivered"))
    numbers = (3, 4)
    head = tag(
        "tr", [tag("th", name, scope="col", class_="number" if at in numbers else None) for at, name in enumerate(heads)]
    )
    body = [
        tag(
            "tr",
            tag("td", tag("a", str(row.get("key")), href=f"/sessions/{row.get('key')}", aria_label=_title(t, row))),
            tag("td", instant(row["started"]) if row.get("started") else t("not dated yet")),
            tag("td", str(row.get("connector"))),
            tag("td", energy(t, row.get("energy_wh")), class_="number"),
            tag("td", _took(t, row), class_="number"),
            tag("td", blanked(str(row.get("id_tag") or ""))),
            tag("td", _reason(t, row)),
            tag("td", _delivery(t, row)),
        )
        for row in rows
    ]
    table = tag("table", tag("thead", head), tag("tbody", body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=t("Sessions"))


def _filters(t: Words, chosen: Filter, connectors: list[str]) -> Html:
    def choice(name: str, label: str, options: list[tuple[str, str]], now: str) -> Html:
        made = [tag("option", text, value=value, selected=value == now) for value, text in options]
        return tag("div", tag("label", label, for_=name), tag("select", made, id=name, name=name))

    def day(name: str, label: str, now: date | None) -> Html:
        box = tag("input", type="date", id=name, name=name, value=now.isoformat() if now else "")
        return tag("div", tag("label", label, for_=name), box)

    every = [("", t("all"))]
    sent = [*every, ("confirmed", t("delivered")), ("open", t("not delivered"))]
    return tag(
        "form",
        day("since", t("From"), chosen.since),
        day("until", t("To"), chosen.until),
        choice("connector", t("Connector"), every + [(name, name) for name in connectors], str(chosen.connector or "")),
        choice("sent", t("Delivered"), sent, chosen.sent),
        tag("button", t("Show"), class_="main"),
        tag("a", t("Export (CSV)"), href=f"/sessions.csv?{chosen.query(page=0)}", class_="button", download="sessions.csv"),
        method="get",
        action="/sessions",
        class_="filters",
    )


def _steps(t: Words, chosen: Filter, *, more: bool) -> Inside:
    newer = (
        tag("a", t("Newer"), href=f"/sessions?{chosen.query(page=chosen.page - 1)}", class_="button") if chosen.page else None
    )
    older = tag("a", t("Older"), href=f"/sessions?{chosen.query(page=chosen.page + 1)}", class_="button") if more else None
    return tag("p", newer, older, class_="actions") if newer or older else None


async def export(panel: Panel, request: Request) -> Answer:
    """Every column of what the filter takes, as it comes from the station. The whole id tag is for the installer."""
    chosen, whole = Filter(request), request.reader.may_change

    async def lines() -> AsyncIterator[bytes]:
        names: list[str] = []
        async for row in _rows(panel, chosen.takes, chosen.past):
            shown = row if whole else {**row, "id_tag": blanked(str(row.get("id_tag") or ""))}
            if not names:
                names = list(shown)
                yield _csv_line(names)
            yield _csv_line([shown.get(name) for name in names])

    await panel.station.ask("ledger", limit=1)  # what is wrong must be said before the first line
    head = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="sessions.csv"'}
    return Answer(lines(), 200, head)


def _csv_line(cells: list[Any]) -> bytes:
    """Text that a spreadsheet would take for a formula is led by an apostrophe."""
    safe = [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in cells
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(safe)
    return out.getvalue().encode()


# One session


async def one(panel: Panel, request: Request, key: str) -> Answer:
    t = request.words
    if not (key.isascii() and key.isdecimal() and len(key) < 16):
        raise Wrong(t("http.404"), 404)
    row = (await panel.station.ask("session", key=int(key)))["session"]
    if row is None:
        raise Wrong(t("There is no session {key}.", key=key), 404)
    frames = (await panel.station.ask("frames"))["frames"]
    return panel.page(
        request,
        _title(t, row),
        tag("section", facts(*_facts(t, row, whole=request.reader.may_change)), class_="card"),
        await _readings(panel, t, row),
        tag("section", tag("h2", t("Delivery")), _deliveries(t, row), class_="card"),
        tag("section", tag("h2", t("Messages")), _messages(panel, request, row, frames), class_="card"),
        tag("p", tag("a", t("All sessions"), href="/sessions")),
    )


def _facts(t: Words, row: Row, *, whole: bool) -> list[tuple[str, Inside]]:
    card = str(row.get("id_tag") or "")
    return [
        (t("Connector"), str(row.get("connector"))),
        (t("Card"), card if whole else blanked(card)),
        (t("Began"), instant(row["started"]) if row.get("started") else t("not dated yet")),
        (t("Ended"), _ended(t, row)),
        (t("Time"), _took(t, row)),
        (t("Energy"), energy(t, row.get("energy_wh"))),
        (t("Meter at the start"), energy(t, row.get("meter_start_wh"))),
        (t("Meter at the end"), energy(t, row.get("meter_stop_wh"))),
        (t("Ended by"), _reason(t, row)),
        (t("Transaction"), str(row["transaction_id"]) if row.get("transaction_id") is not None else NOTHING),
    ]


async def _readings(panel: Panel, t: Words, row: Row) -> Html:
    """What the meter showed, as long as the station still has it in memory."""
    title = t("Power of this session")
    began, ended = _instant(row.get("started")), _instant(row.get("stopped"))
    now = datetime.now(UTC)
    looks: list[list[float]] = []
    if began is not None and (now - began).total_seconds() < TRACE_S:
        asked = await panel.station.ask("readings", connector=row["connector"], seconds=TRACE_S, points=600)
        first_s = (now - began).total_seconds()
        last_s = 0.0 if ended is None else (now - ended).total_seconds()
        looks = [look for look in asked["readings"] if last_s - 2 <= look[0] <= first_s + 2]
    if len(looks) < 2:
        words = t("The readings of this session are not in memory any more; its register values are above.")
        return tag("section", tag("h2", title), tag("p", words, class_="why"), class_="card")
    table = tag(
        "details",
        tag("summary", t("Readings as a table")),
        tag(
            "div",
            _readings_table(t, looks[:: max(1, len(looks) // 60)]),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label=title,
        ),
    )
    return tag("section", tag("h2", title), power_plot(t, looks, title, wide=True), table, class_="card")


def _readings_table(t: Words, looks: list[list[float]]) -> Html:
    first = looks[0]
    head = tag("tr", [tag("th", name, scope="col") for name in (t("After"), t("Power"), t("Energy"))])
    rows = [
        tag(
            "tr",
            tag("td", duration(first[0] - look[0])),
            tag("td", amount(t, look[1] / 1000, 2, "kW")),
            tag("td", energy(t, look[2] - first[2])),
        )
        for look in looks
    ]
    return tag("table", tag("thead", head), tag("tbody", rows))


def _deliveries(t: Words, row: Row) -> Html:
    waiting = [(t("waits"), one, "") for one in row.get("queued") or ()]
    waiting += [(t("never taken"), one, str(one.get("reason") or "")) for one in row.get("dead") or ()]
    told = [
        tag("li", tag("span", "✓ ", class_="mark-good"), f"{name}: {t(f'delivery.{row.get(field)}')}")
        if row.get(field) == "confirmed"
        else tag("li", tag("span", "… ", class_="mark-warn"), f"{name}: {t(f'delivery.{row.get(field)}')}")
        for name, field in (("StartTransaction", "start_delivery"), ("StopTransaction", "stop_delivery"))
        if row.get(field)
    ]
    told += [
        tag(
            "li",
            tag("span", "… ", class_="mark-warn"),
            t(
                "{message} of {stamp}: {state}, {attempts} attempts",
                message=one["message"],
                stamp=one.get("stamp") or NOTHING,
                state=state,
                attempts=one["attempts"],
            ),
            f" ({why})" if why else "",
        )
        for state, one, why in waiting
    ]
    return tag("ul", told, class_="steps")


def _messages(panel: Panel, request: Request, row: Row, frames: list[Row]) -> Inside:
    t, found = request.words, of_session(row, frames)
    if not found:
        return tag("p", t("The messages of this session are not in memory any more."), class_="why")
    return tag("ol", messages.list_of(panel, request, found), id="lines")


def of_session(row: Row, frames: list[Row]) -> list[Row]:
    """The frames that are about one transaction, and their answers."""
    number = row.get("transaction_id")
    if number is None:
        return []
    wanted = set()
    for frame in frames:
        try:
            parts = json.loads(frame["text"])
        except ValueError:
            continue
        payload = parts[-1] if isinstance(parts, list) and len(parts) > 2 else None
        if isinstance(payload, dict) and payload.get("transactionId") == number:
            wanted.add(parts[1])
    return [frame for frame in frames if messages.message_id(frame["text"]) in wanted]


# Words


def _title(t: Words, row: Row) -> str:
    return t("Session {key}", key=row.get("key"))


def _ended(t: Words, row: Row) -> Inside:
    if row.get("stopped"):
        return instant(row["stopped"])
    return t("runs") if row.get("reason") is None else t("not dated yet")


def _reason(t: Words, row: Row) -> str:
    return t(f"reason.{row['reason']}") if row.get("reason") else t("runs")


def _delivery(t: Words, row: Row) -> Inside:
    if row.get("stop_delivery") is None:
        return t(f"delivery.{row.get('start_delivery')}")
    if _confirmed(row):
        return tag("span", "✓ ", t("delivery.confirmed"), class_="mark-good")
    worst = "dead" if "dead" in (row.get("start_delivery"), row.get("stop_delivery")) else "queued"
    return tag("span", t(f"delivery.{worst}"), class_="mark-warn")


def _confirmed(row: Row) -> bool:
    return row.get("start_delivery") == row.get("stop_delivery") == "confirmed"


def _took(t: Words, row: Row) -> str:
    began, ended = _instant(row.get("started")), _instant(row.get("stopped"))
    return NOTHING if began is None or ended is None else duration((ended - began).total_seconds())


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return None


def _day(t: Words, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Wrong(t("{text} is no date; write 2026-11-01.", text=text[:40])) from None


async def _connectors(panel: Panel) -> list[str]:
    status = panel.live.view.status or await panel.station.ask("status")
    return sorted(status.get("connectors", {}), key=lambda name: (len(name), name))
