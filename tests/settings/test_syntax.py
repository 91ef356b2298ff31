"""A file that is no TOML, or no text: told in plain words, by its line, with what to write, and no secret shown."""

from pathlib import Path

import pytest

from chargepoint.settings import load
from tests.settings.documents import in_file, toml, valid


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes('[station]\nvendor = "Ladekönig"\n'.encode("latin-1"))
    assert in_file(path) == "found byte 0xf6 in line 2, the file must be UTF-8 text; save it as UTF-8 in the editor"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(toml(valid()), encoding="utf-8-sig")
    assert load(path).station.model == "CK22"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_that_notepad_saved_as_unicode_is_told_how_to_save_it(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(toml(valid()), encoding=encoding)
    assert in_file(path).startswith("found UTF-16 text, the file must be UTF-8 text; in Notepad: Save as, with UTF-8 ")


def test_rich_text_is_told_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("{\\rtf1\\ansi " + toml(valid()))
    assert in_file(path) == (
        "found rich text (RTF), the file must be plain text; save it as plain text (TextEdit: Format, Make Plain Text)"
    )


def test_ends_of_lines_and_tabs_of_another_editor_are_no_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(toml(valid()).replace("\n", "\r\n").replace(" = ", "\t=\t").encode("utf-8-sig"))
    assert load(path).station.model == "CK22"


def test_a_syntax_error_is_told_with_line_section_and_key_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(b"# mine\r\n[station]\r\nidentity = CK1 # here\r\n")
    assert in_file(path) == (
        '[station] identity: found `identity = CK1 # here` in line 3, text must stand in quotes; write identity = "CK1"'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model = \u201cCK22\u201d", 'typographic quotes are no quotes; text stands in straight quotes: model = "CK22"'),
        ("current_a_max = 32,5", "a number has a point, no comma; write 32.5 for 32,5"),
        ("current_a_max = 32A", 'text must stand in quotes, and a number alone, without its unit; write current_a_max = "32A"'),
        ("free_vend = yes", "write true or false, in small letters"),
        ("free_vend = True", "write true or false, in small letters"),
        ("free_vend = true // no card", "a comment begins with #; put # in front of it"),
        ("free_vend = true log = 1", "a comment stands behind #, the next key in a line of its own"),
        ("free_vend =", "there is no value behind =; write one, or put # in front of the line"),
        ("free_vend\u00a0= true", "a sign that only looks like a blank; delete it, and type a blank"),
        ('model = "CK22', 'the quote is not closed; put " at the end of the text'),
        ("model = 'CK22", "the quote is not closed; put ' at the end of the text"),
        ('model = """CK22\nx = 1', 'the text that """ begins here is not closed; put """ at its end'),
        ('model = "A"\nvendor = "V"\nmodel = "B"', "it stands in line 2 already; keep one of them"),
        ("[station]", "it stands in line 1 already; keep one of them"),
        ("a = { b = 1, b = 2 }", "it stands there twice; keep one of them"),
        ("model: A", 'there is no = behind the key; write model = "A"'),
        ('model "A"', 'there is no = behind the key; write model = "A"'),
        ("model", 'there is no = behind the key; write model = "value"'),
        ('serial number = "A"', "a key is one word; write serial_number = ..."),
        ('state_dir = "C:\\users"', "a backslash means something else in quotes; write it twice: \\\\"),
        ('connectors = [1, 2\nmodel = "B"', "the [ is not closed; put ] behind the last value"),
        ("connectors = [1, 2", "the [ is not closed; put ] behind the last value"),
        ("connectors = [1 2]", "put a comma between its values, and close its bracket"),
        ("pilot = { pin = 1,\n  b = 2 }", "put } behind the last value; a table in braces is one line"),
        ("[readers.1\nx = 1", "a table's name must stand in brackets; write [readers.1]"),
        ("[readers 1]", "a table's name must stand in brackets; write [readers.1]"),
        ("]", "a line must be key = value, [table] or # comment; a key has letters without accents, digits, _ and -"),
    ],
)
def test_what_was_most_likely_meant_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(f"[station]\n{text}\n")
    assert in_file(path).endswith(told)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('pins = [\n  1,\n  2,\nmodel = "CK22"', "pins: found `pins = [` in line 2"),
        ('model = """\n\n', 'model: found `model = """` in line 2'),
        ("pins = [\n  1, # ]\n  B,\n]", "pins: found `B,` in line 4"),
    ],
)
def test_what_is_left_open_is_told_where_it_begins(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(f"[station]\n{text}\n")
    assert in_file(path).startswith(f"[station] {line}, ")


@pytest.mark.parametrize(
    "text",
    [
        "authorization_key = C0FFEE",
        "authorization_key: C0FFEE",
        "authorization_key C0FFEE",
        "authorization key = C0FFEE",
        "authorization_key = \u201cC0FFEE\u201d",
        'authorization_key = "C0FFEE',
        'authorization_key = "00"C0FFEE"',
        'authorization_key = "00"\nC0FFEE"',
        'authorization_key =\n"C0FFEE"',
        "authorization_key = [\n  C0FFEE,\n]",
        'password = """\nC0FFEE\\q"""',
        "[authorization_key = C0FFEE",
        "x = { authorization_key = C0FFEE }",
        "url = ws://CK:C0FFEE@cs.example.org",
        'url = "wss://CK:C0FFEE"@cs.example.org',
        'url = "wss://CK:C0 FFEE@cs.example.org/ocpp',
        'url = "wss:/\\CK:C0FFEE@cs.example.org/ocpp"',
        'url = "wss:/""/CK:C0FFEE@cs.example.org/ocpp"',
        'url = "wss://CK:C0FFEE@cs.example.org" authorization_key = "00"',
        'url = "wss://CK:C0FFEE\n@cs.example.org/ocpp"',
        'url = "wss://CK:1C0FFEE.example.org',
        'url =C0FFEE@cs.example.org/ocpp"',
        "authorization_key = C0,FFEE C0FFEE",
        "authorization_key = yes C0FFEE",
        'authorization_key = "00"\nauthorization_key = "C0FFEE"',
        "0123456789C0FFEE",
        'autorisation_key = "00112233C0FFEE',
        "autorisationkey = 00112233C0FFEE",
        'autorisationkey = "00112233,C0FFEE"C0FFEE',
    ],
)
def test_no_secret_is_shown_in_a_line_that_is_wrong(text: str, tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(f"[central_system]\n{text}\n")
    told = in_file(path)
    assert "in line" in told
    assert "FFEE" not in told


def test_of_a_url_in_a_line_that_is_wrong_all_else_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    for url, shown in (
        ("wss://cs.example.org:8443/ocpp", "wss://cs.example.org:8443/ocpp"),
        ("wss://cs.example.org:80", "wss://cs.example.org:80"),
        ("wss://CK:C0FFEE@cs.example.org:80/o", "***@cs.example.org:80/o"),
        ("wss://cs.example.org:C0FFEE", "wss://cs.example.org:***"),
    ):
        path.write_text(f"[central_system]\nurl = {url}\n")
        assert in_file(path).startswith(f"[central_system] url: found `url = {shown}` in line 2"), url


def test_a_table_that_is_left_open_is_not_looked_for_in_the_one_above(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("[station]\n[readers.1\n")
    assert in_file(path).startswith("found `[readers.1` in line 2, ")


def test_a_hostile_nest_of_brackets_is_told(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("x = " + "[" * 5000 + "]" * 5000)
    assert in_file(path) == "found lists within lists, nested too deeply"
    path.write_text("x" + ".x" * 500 + " = 1")
    assert in_file(path) == "found tables within tables, nested too deeply"


def test_zeros_in_the_place_of_a_file_are_told_to_be_a_card_that_was_pulled_too_soon(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_bytes(bytes(3_000))
    assert in_file(path).startswith("found nothing but zeros, the file was not written to its end; write it again, and eject")
