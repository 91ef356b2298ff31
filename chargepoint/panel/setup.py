"""Set-up: the settings that an installer changes, checked as `check-config` checks them, shown as a difference, then taken."""

import difflib
import json
import tomllib
from typing import Any

from msgspec import Struct

from chargepoint.panel import toml_edit
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.page import button, notice, token_field
from chargepoint.panel.panel import Answer, Panel, Request, Wrong
from chargepoint.panel.station import Body
from chargepoint.panel.words import Words

TEXT_MAX = 48 * 1024
DIFF_MAX = 400
TABS = (
    ("/setup", "Station"),
    ("/setup/file", "Whole file"),
    ("/setup/keys", "OCPP keys"),
    ("/setup/tests", "Tests"),
    ("/setup/doctor", "Doctor"),
    ("/setup/support", "Support"),
    ("/setup/access", "Access"),
)


class Field(Struct, frozen=True):
    """kind: text, secret, number, whole, yes, or what may be chosen, by what stands in the file."""

    section: str
    key: str
    label: str
    kind: str | tuple[str, ...] = "text"

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


STATION = (
    Field("station", "identity", "Identity, as the Central System knows the station"),
    Field("station", "vendor", "Vendor"),
    Field("station", "model", "Model"),
    Field("station", "serial_number", "Serial number"),
    Field("station", "current_a_max", "Current of the whole station, in ampere", "number"),
    Field(
        "station",
        "offline_behaviour",
        "Without the Central System, who may charge",
        ("cache", "local_list", "accept_all", "out_of_service"),
    ),
    Field("station", "after_power_loss", "After a power cut, a session", ("stop", "resume")),
    Field("station", "free_vend", "Everybody may charge without a card", "yes"),
)
CENTRAL = (
    Field("central_system", "url", "Address of the Central System (the identity is appended)"),
    Field("central_system", "authorization_key", "Password, in hexadecimal digits", "secret"),
    Field("central_system", "security_profile", "Security profile", ("0", "1", "2", "3")),
)
CONNECTOR = (
    ("cable", "Cable", ("socket", "tethered")),
    ("current_a_max", "Greatest current, in ampere", "number"),
    ("phases", "Phases", ("1", "2", "3")),
    ("ventilation", "The room is aired (vehicles that ask for ventilation may charge)", "yes"),
)
PAGE = (
    Field("panel", "listen", "This page listens on (0.0.0.0:8080 for the whole network)"),
    Field("panel", "driver_page", "Public page for drivers", "yes"),
)
NUMBERS = ("security_profile", "phases")
PARTS = ("meter", "contactor", "pilot", "lock", "indicator")


def add_to(panel: Panel) -> None:
    panel.get("/setup", form, "installer")
    panel.post("/setup", review_form)
    panel.get("/setup/file", whole_file, "installer")
    panel.post("/setup/file", review_file)
    panel.post("/setup/edit", edit)
    panel.post("/setup/take", take)
    panel.get("/setup/keys", keys, "installer")
    panel.post("/setup/keys", set_key)
    panel.post("/do/restart", restart)


def tabs(t: Words, path: str) -> Html:
    links = [tag("li", tag("a", t(name), href=to, aria_current="page" if to == path else None)) for to, name in TABS]
    return tag("nav", tag("ul", links, class_="tabs"), aria_label=t("Set-up"))


# The form


async def form(panel: Panel, request: Request) -> Answer:
    t = request.words
    file = await panel.station.ask("settings_file")
    document = tomllib.loads(file["text"])
    groups = [
        (t("Central System"), CENTRAL, _preview(t)),
        (t("Station"), STATION, None),
        *[(t("Connector {name}", name=name), fields, _parts(t, table)) for name, fields, table in _connectors(document)],
        (t("This page"), PAGE, None),
    ]
    made = tag(
        "form",
        token_field(request.reader),
        tag("input", type="hidden", name="digest", value=file["digest"]),
        [_group(t, title, fields, document, more) for title, fields, more in groups],
        tag("p", tag("button", t("Check and compare"), class_="main"), class_="actions"),
        method="post",
        action="/setup",
        autocomplete="off",
    )
    return panel.page(request, t("Set-up"), tabs(t, "/setup"), _state(t, file), made)


def _state(t: Words, file: Body) -> Inside:
    """Whether what is shown already holds, and whether it can be changed."""
    told: list[Html] = []
    if not file["writable"]:
        told.append(
            notice("warn", tag("p", t("The service may not write {file}; changes cannot be taken here.", file=file["file"])))
        )
    if file["restart"]:
        again = button(t("Restart the service"), "/do/restart", confirm=t("Restart the service now?"), kind="main")
        told.append(notice("warn", tag("p", t("The file was changed; the service must start again to use it.")), again))
    return told


def _connectors(document: Body) -> list[tuple[str, tuple[Field, ...], Body]]:
    tables = document.get("connectors", {})
    return [
        (name, tuple(Field(f"connectors.{name}", key, label, kind) for key, label, kind in CONNECTOR), table)
        for name, table in sorted(tables.items(), key=lambda item: (len(item[0]), item[0]))
        if isinstance(table, dict)
    ]


def _parts(t: Words, table: Body) -> Html:
    """Which drivers a connector has; they are changed in the file, for each has settings of its own."""
    rows = [
        tag("div", tag("dt", t(f"part.{name}")), tag("dd", tag("code", _driver(table[name]))))
        for name in PARTS
        if isinstance(table.get(name), dict)
    ]
    change = tag("p", t("Drivers are changed in the"), " ", tag("a", t("whole file"), href="/setup/file"), ".", class_="hint")
    return joined((tag("dl", rows, class_="facts"), change))


def _driver(part: Body) -> str:
    more = ", ".join(f"{key} {value}" for key, value in part.items() if key != "driver")
    return f"{part.get('driver')}" + (f" ({more})" if more else "")


def _preview(t: Words) -> Html:
    shown = tag("code", id="preview", data_url="central_system.url", data_identity="station.identity")
    return tag("p", t("The station dials"), " ", shown, class_="hint")


def _group(t: Words, title: str, fields: tuple[Field, ...], document: Body, more: Inside) -> Html:
    boxes = [_box(t, field, toml_edit.found(document, field.section, field.key)) for field in fields]
    return tag("fieldset", tag("legend", tag("h2", title)), tag("div", boxes, class_="row"), more, class_="card")


def _box(t: Words, field: Field, value: Any) -> Html:
    name, label = field.name, t(field.label)
    match field.kind:
        case "yes":
            box = tag("input", type="checkbox", id=name, name=name, value="true", checked=value is True)
            return tag("div", tag("label", box, label, for_=name, class_="check"))
        case "secret":
            hint = t("set; leave empty to keep it") if value else t("not set")
            shown: Inside = tag("input", type="password", id=name, name=name, placeholder=hint, autocomplete="new-password")
        case tuple() as choices:
            now = "" if value is None else str(value)
            known = choices if now in ("", *choices) else (*choices, now)
            options = [tag("option", t("as shipped"), value="", selected=value is None)]
            options += [tag("option", _choice(t, field, one), value=one, selected=now == one) for one in known]
            shown = tag("select", options, id=name, name=name)
        case _:
            mode = "decimal" if field.kind == "number" else None
            text = "" if value is None else str(value)
            shown = tag("input", id=name, name=name, value=text, placeholder=t("as shipped"), inputmode=mode)
    return tag("div", tag("label", label, for_=name), shown)


def _choice(t: Words, field: Field, one: str) -> str:
    key = f"choice.{field.key}.{one}"
    return t(key) if t.knows(key) else one


async def review_form(panel: Panel, request: Request) -> Answer:
    t = request.words
    file = await panel.station.ask("settings_file")
    if request.form.get("digest") != file["digest"]:
        raise Wrong(t("The settings were changed meanwhile. Look at them again."), 409)
    fields = [*STATION, *CENTRAL, *PAGE]
    fields += [field for _, made, _ in _connectors(tomllib.loads(file["text"])) for field in made]
    values = {(field.section, field.key): _value(t, field, request) for field in fields if _given(field, request)}
    try:
        text = toml_edit.changed(file["text"], values)
    except toml_edit.EditError as error:
        raise Wrong(t("The station says: {text}", text=str(error))) from None
    return await _review(panel, request, file, text, "/setup")


def _given(field: Field, request: Request) -> bool:
    """An unticked box is told by its absence; a secret that is left empty stays."""
    if field.kind == "yes":
        return True
    return field.name in request.form and (field.kind != "secret" or bool(request.form[field.name]))


def _value(t: Words, field: Field, request: Request) -> Any:
    text = request.form.get(field.name, "").strip()
    if field.kind == "yes":
        return True if text else None
    if not text:
        return None
    if field.kind == "number" or field.key in NUMBERS:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return text  # check-config has the words for it
        return int(number) if number.is_integer() and abs(number) < 1e9 else number
    return text


# The whole file


async def whole_file(panel: Panel, request: Request) -> Answer:
    file = await panel.station.ask("settings_file")
    return _editor(panel, request, file, file["text"], None)


def _editor(panel: Panel, request: Request, file: Body, text: str, trouble: Inside) -> Answer:
    t = request.words
    made = tag(
        "form",
        token_field(request.reader),
        tag("input", type="hidden", name="digest", value=file["digest"]),
        tag("label", file["file"], for_="text"),
        tag("p", t("*** stands for a secret that is kept as it is."), class_="hint"),
        tag("textarea", text, id="text", name="text", rows=30, spellcheck="false", autocapitalize="off"),
        tag("p", tag("button", t("Check and compare"), class_="main"), class_="actions"),
        method="post",
        action="/setup/file",
        class_="card",
    )
    return panel.page(request, t("Whole file"), tabs(t, "/setup/file"), _state(t, file), trouble, made)


async def review_file(panel: Panel, request: Request) -> Answer:
    file = await panel.station.ask("settings_file")
    return await _review(panel, request, file, _text(request), "/setup/file")


def _text(request: Request) -> str:
    text = request.form.get("text", "").replace("\r\n", "\n")
    if not text or len(text) > TEXT_MAX:
        raise Wrong(request.words("The file is empty, or larger than {kib} KiB.", kib=TEXT_MAX // 1024))
    return text


# Compare, and take


async def _review(panel: Panel, request: Request, file: Body, text: str, back: str) -> Answer:
    t = request.words
    if text == file["text"]:
        return panel.page(
            request, t("Nothing is changed"), tabs(t, back), tag("p", tag("a", t("Back"), href=back, class_="button"))
        )
    verdict = await panel.station.ask_slowly("check_settings", text=text)
    fine = bool(verdict["fine"])
    fields = [
        token_field(request.reader),
        tag("input", type="hidden", name="digest", value=request.form.get("digest", "")),
        tag("textarea", text, name="text", hidden=True, aria_label=t("Whole file")),
    ]
    take_it = tag(
        "form",
        fields,
        tag("button", t("Take these settings"), class_="main") if fine else None,
        tag("button", t("Change the text"), formaction="/setup/edit") if not fine else None,
        tag("a", t("Back"), href=back, class_="button"),
        method="post",
        action="/setup/take",
        class_="actions",
    )
    title = t("These settings are fine") if fine else t("These settings would not work")
    return panel.page(
        request,
        title,
        tabs(t, back),
        told_verdict(t, verdict),
        tag("section", tag("h2", t("What would change")), diff(t, file["text"], text), take_it, class_="card"),
    )


def told_verdict(t: Words, verdict: Body) -> Inside:
    """Problems and remarks in check-config's own words."""
    told = [notice("bad", tag("p", str(one.get("text")))) for one in verdict["problems"]]
    told += [notice("warn", tag("p", str(one))) for one in verdict["remarks"]]
    if verdict.get("connects_to"):
        told.append(notice("good", tag("p", t("The station dials"), " ", tag("code", verdict["connects_to"]))))
    return told


def diff(t: Words, before: str, after: str) -> Html:
    """Both texts, line by line, where they differ."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    kinds = {"+": ("add", t("new: ")), "-": ("del", t("old: ")), "@": ("at", "")}
    made = []
    for line in lines[:DIFF_MAX]:
        kind, word = kinds.get(line[:1], ("", ""))
        made.append(tag("span", tag("span", word, class_="unseen") if word else None, line, class_=kind or None))
    if len(lines) > DIFF_MAX:
        made.append(tag("span", "…"))
    return tag("pre", made, class_="diff", tabindex=0, role="region", aria_label=t("What would change"))


async def edit(panel: Panel, request: Request) -> Answer:
    """The refused text again, to be mended."""
    file = await panel.station.ask("settings_file")
    return _editor(panel, request, {**file, "digest": request.form.get("digest", "")}, _text(request), None)


async def take(panel: Panel, request: Request) -> Answer:
    t = request.words
    verdict = await panel.station.ask_slowly("take_settings", text=_text(request), digest=request.form.get("digest", ""))
    if not verdict["taken"]:
        return panel.page(request, t("These settings would not work"), tabs(t, "/setup"), told_verdict(t, verdict))
    again = button(t("Restart the service"), "/do/restart", confirm=t("Restart the service now?"), kind="main")
    more: Inside = tag("p", t("They hold once the service was started again."), again) if verdict["restart"] else None
    return panel.page(
        request,
        t("The settings are taken"),
        tabs(t, "/setup"),
        notice("good", tag("p", t("The settings are written. The ones before are kept beside them."))),
        tag("section", more, class_="card") if more else None,
        told_verdict(t, {**verdict, "connects_to": None}),
    )


async def restart(panel: Panel, request: Request) -> Answer:
    end = request.form.get("end_sessions") == "yes"
    await panel.station.ask("restart", end_sessions=end)
    return Answer.told({"text": request.words("The service starts again.")})


# OCPP keys


async def keys(panel: Panel, request: Request) -> Answer:
    return await _keys(panel, request, None)


async def _keys(panel: Panel, request: Request, told: Inside) -> Answer:
    t = request.words
    found = (await panel.station.ask("get_settings"))["keys"]
    rows = [_key_row(request, one) for one in sorted(found, key=lambda one: str(one["key"]).lower())]
    head = tag("tr", tag("th", t("Key"), scope="col"), tag("th", t("Value"), scope="col"))
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return panel.page(
        request,
        t("OCPP keys"),
        tabs(t, "/setup/keys"),
        told,
        tag(
            "section",
            tag("p", t("What the Central System may change as well. A change holds at once."), class_="hint"),
            tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=t("OCPP keys")),
            class_="card",
        ),
    )


def _key_row(request: Request, one: Body) -> Html:
    t, name, value = request.words, str(one["key"]), str(one["value"] or "")
    if one["readonly"]:
        return tag("tr", tag("th", name, scope="row"), tag("td", value, class_="mono"))
    change = tag(
        "form",
        token_field(request.reader),
        tag("input", type="hidden", name="name", value=name),
        tag("input", name="value", value=value, aria_label=name, class_="mono", maxlength=500),
        tag("button", t("Set"), aria_label=t("Set {name}", name=name)),
        method="post",
        action="/setup/keys",
        class_="inline",
    )
    return tag("tr", tag("th", name, scope="row"), tag("td", change))


async def set_key(panel: Panel, request: Request) -> Answer:
    t, name = request.words, request.form.get("name", "")
    await panel.station.ask("set_setting", name=name[:50], value=request.form.get("value", "")[:500])
    return await _keys(panel, request, notice("good", tag("p", t("{name} is set.", name=name[:50]))))


def as_json(text: str) -> Any:
    """What a command printed; None where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
