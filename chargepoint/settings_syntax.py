"""Settings syntax: what is no TOML, told by its line, section and key in plain words, with what to write instead.

Owns the words for what tomllib stops at. Refuses to show a secret: of a line that may hold one only the key is shown.
"""

import codecs
import re
from typing import NamedTuple

from chargepoint.tables import Problem, printable

MASK = "***"
LINE_MAX = 80
SECRET = re.compile(r"(authorization[_ -]?key|pass(word|wd|phrase)|secret|token|\bkey\b|_key\b)[A-Za-z_-]*", re.IGNORECASE)
HEXADECIMAL = re.compile(
    r"[^\s=]*[0-9A-Fa-f]{8,}[^\s=]*"
)  # as a key is written, torn as well: hidden though the name before it is misspelled
NO_PORT = re.compile(r"(//[^/:]*:)(?!\d{1,5}(?![^/\"'\s,;]))\S.*")  # what a URL that lost its @ has there is a password
KEY = re.compile(r"""\s*([A-Za-z0-9_.-]+)\s*=""")
HEADER = re.compile(r"\s*\[+([A-Za-z0-9_. -]+)\]+")
OPENS = re.compile(r"\s*(\[+[A-Za-z0-9_. -]+\]|[A-Za-z0-9_.\"-]+\s*=)")  # how a line begins that goes on with nothing
COMMA = re.compile(r"=\s*([+-]?\d{1,15}),(\d{1,15})")
CURLY = re.compile(r"[\u2018-\u201f\u00ab\u00bb]")
ENDS = {
    '"': re.compile(r'(?:\\.|[^"\\\n])*"'),
    "'": re.compile(r"[^'\n]*'"),
    '"""': re.compile(r'(?:\\.|[^\\])*?"""', re.DOTALL),
    "'''": re.compile(r".*?'''", re.DOTALL),
}
TOKEN = re.compile(r'#[^\n]*|"""|\'\'\'|["\'\[\]{}\n]')
RICH_TEXT = b"{\\rtf"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Words = tuple[str, str]
"""What may stand there, and the next step."""
TEXT_IN_QUOTES = "text must stand in quotes"
NAME_IN_BRACKETS = "a table's name must stand in brackets"
TWICE = "it stands there twice; keep one of them"


class _Place(NamedTuple):
    """said: tomllib's words. number, line: where it stopped. start: the line in which the statement there began. opener: the
    quote or bracket that was open, empty for none. done: nothing follows in that line. secret: it is not for everybody to see.
    """

    said: str
    number: int
    line: str
    start: int
    opener: str
    opener_number: int
    done: bool
    secret: bool


def problem(file: str, raw: bytes, error: Exception) -> Problem:
    """Why a file's bytes are no TOML. error: what decoding or tomllib stopped at."""
    return _encoding_problem(file, raw) or _problem(file, raw.decode("utf-8-sig"), error)


def _encoding_problem(file: str, raw: bytes) -> Problem | None:
    """What an editor did to a file that it did not save as UTF-8."""
    if raw.startswith(RICH_TEXT):
        hint = "save it as plain text (TextEdit: Format, Make Plain Text)"
        return Problem(file=file, found="rich text (RTF)", allowed="the file must be plain text", hint=hint)
    if raw and not raw.strip(b"\0"):
        hint = "write it again, and eject the card before you pull it out"
        return Problem(file=file, found="nothing but zeros", allowed="the file was not written to its end", hint=hint)
    if raw.startswith(UTF_16) or raw[:200].count(0) * 4 > len(raw[:200]):
        found, hint = "UTF-16 text", 'in Notepad: Save as, with UTF-8 (not "Unicode" or "UTF-16") as the encoding'
    else:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            found, hint = f"byte 0x{raw[error.start]:02x} in line {line}", "save it as UTF-8 in the editor"
        else:
            return None
    return Problem(file=file, found=found, allowed="the file must be UTF-8 text", hint=hint)


def _problem(file: str, text: str, error: Exception) -> Problem:
    """What tomllib stopped at, with the section and key of that line as far as they can be seen."""
    if isinstance(error, RecursionError):
        return Problem(file=file, found="lists within lists", allowed="nested too deeply")
    if not re.search(r" \(at (line \d+, column \d+|end of document)\)$", str(error)):
        return Problem(file=file, found="a number or date", allowed="beyond what can be: " + printable(str(error), 200))
    text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    place = _place(text, lines, str(error))
    unclosed = _unclosed(place)
    if unclosed is not None:
        number, (allowed, hint) = place.opener_number, unclosed
    else:
        number = place.start if "Cannot overwrite" in place.said else place.number
        allowed, hint = _words(place, lines)
    line, key = lines[number - 1], KEY.match(lines[place.start - 1])
    above = [] if line.lstrip().startswith("[") else reversed(lines[: place.start])
    section = next((m[1] for one in above if (m := HEADER.match(one))), "")
    return Problem(
        file=file,
        section=section.strip(),
        key=printable(key[1]) if key and number >= place.start else "",
        found=f"`{_shown(lines, place.start, number)}` in line {number}",
        allowed=allowed,
        hint=hint,
    )


def _place(text: str, lines: list[str], said: str) -> _Place:
    at = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    if at is None:
        position = len(text.rstrip())
        number = text.count("\n", 0, position) + 1
    else:
        number = int(at[1])
        position = sum(len(line) + 1 for line in lines[: number - 1]) + int(at[2]) - 1
    start, opener, opened_at = _scanned(text, position)
    return _Place(
        said=re.sub(r" \(at .*\)$", "", said, flags=re.DOTALL),
        number=number,
        line=lines[number - 1],
        start=text.count("\n", 0, start) + 1,
        opener=opener,
        opener_number=text.count("\n", 0, opened_at) + 1,
        secret=MASK in _shown(lines, text.count("\n", 0, start) + 1, number),
        done=at is None or not text[position:].partition("\n")[0].partition("#")[0].strip(),
    )


def _scanned(text: str, end: int) -> tuple[int, str, int]:
    """Where the statement begins that end lies in, and the quote or bracket that is open there: its sign and place."""
    start = position = 0
    brackets: list[int] = []
    while (found := TOKEN.search(text, position, end)) is not None:
        sign, position = found[0], found.end()
        if (closing := ENDS.get(sign)) is not None:
            closed = closing.match(text, position, end)
            if closed is None:
                return start, sign, found.start()
            position = closed.end()
        elif sign == "\n" and not brackets:
            start = position
        elif sign == "[" and not brackets and not text[start : found.start()].strip(" \t["):
            position = text.find("\n", position, end) if "\n" in text[position:end] else end  # a header is a line
        elif sign in "[{":
            brackets.append(found.start())
        elif sign in "]}" and brackets:
            brackets.pop()
    return (start, text[brackets[-1]], brackets[-1]) if brackets else (start, "", start)


def _unclosed(place: _Place) -> Words | None:
    """A quote or bracket that is open where the file goes on with something else, or ends."""
    opener = place.opener
    if opener in ('"', "'") and place.done:
        return "the quote is not closed", f"put {opener} at the end of the text"
    if len(opener) == 3 and place.said.startswith(("Unterminated", "Expected")):
        return f"the text that {opener} begins here is not closed", f"put {opener} at its end"
    if opener == "{" and (place.done or place.number != place.opener_number):
        return "the { is not closed in its line", "put } behind the last value; a table in braces is one line"
    anew = place.number != place.opener_number and OPENS.match(place.line)
    if opener == "[" and (place.done or anew):
        return "the [ is not closed", "put ] behind the last value"
    return None


def _words(place: _Place, lines: list[str]) -> Words:
    """What is wrong with a line that is whole: first by what it shows, then by what tomllib says of it."""
    bare = re.sub(r'"[^"]*"|\'[^\']*\'', '""', place.line).partition("#")[0]
    for seen, allowed, hint in (
        (
            CURLY,
            "typographic quotes are no quotes",
            _instead(place, CURLY.sub('"', place.line), "text stands in straight quotes: "),
        ),
        (r"[\u00a0\u2000-\u200d\u202f\ufeff]", "a sign that only looks like a blank", "delete it, and type a blank"),
        (COMMA, "a number has a point, no comma", _with_a_point(place, bare)),
        (
            r"=\s*(True|TRUE|False|FALSE|(?i:yes|no|on|off))\b",
            "yes and no are true and false here",
            "write true or false, in small letters",
        ),
        (r"(^|=.*\s)\s*(//|;|--|/\*)", "a comment begins with #", "put # in front of it"),
    ):
        if re.search(seen, bare):
            return allowed, hint
    return _of_tomllib(place, lines)


def _with_a_point(place: _Place, bare: str) -> str:
    found = COMMA.search(bare)
    whole, part = (found[1], found[2]) if found and not place.secret else ("32", "0")
    return f"write {whole}.{part} for {whole},{part}"


def _of_tomllib(place: _Place, lines: list[str]) -> Words:
    said, line = place.said, place.line.strip()
    key, _, value = line.partition("=")
    match said:
        case "Invalid value" if not value.partition("#")[0].strip() and place.done:
            return "there is no value behind =", "write one, or put # in front of the line"
        case "Invalid value":
            return TEXT_IN_QUOTES, _quoted(place, key, value)
        case _ if "Cannot overwrite" in said or "Cannot declare" in said or "Duplicate" in said or "twice" in said:
            return _twice(place, lines)
        case _ if said.startswith("Expected '='"):
            return _without_equals(place, line)
        case _ if said.startswith("Expected ']'"):
            return NAME_IN_BRACKETS, _header(place, line)
        case _ if said.startswith("Expected newline") and key.startswith("["):
            return NAME_IN_BRACKETS, _header(place, line)
        case _ if said.startswith("Expected newline") and re.search(r"[\"'=]", value.partition("#")[0]):
            return "there is more in the line than one value", "a comment stands behind #, the next key in a line of its own"
        case _ if said.startswith("Expected newline"):
            return f"{TEXT_IN_QUOTES}, and a number alone, without its unit", _quoted(place, key, value)
        case _ if said.startswith("Unclosed"):
            return "a list or table in one line is not as it must be", "put a comma between its values, and close its bracket"
        case _ if "Unescaped" in said or "Invalid hex" in said or "escape" in said:
            return "a backslash means something else in quotes", r"write it twice: \\"
        case "Invalid statement" | "Invalid initial character for a key part":
            return "a line must be key = value, [table] or # comment", "a key has letters without accents, digits, _ and -"
        case _ if said.startswith("Illegal character"):
            return "a sign that no editor shows", "type the line anew"
        case _:
            return printable(said, 200), ""


def _twice(place: _Place, lines: list[str]) -> Words:
    """The line where it stood first, where that is in the same section."""
    line = lines[place.start - 1]
    if header := HEADER.match(line):
        like = [HEADER.match(one) for one in lines[: place.start - 1]]
        first = next((n for n, other in enumerate(like, 1) if other and other[1].strip() == header[1].strip()), None)
    else:
        key, first = KEY.match(line), None
        for number in range(place.start - 1, 0, -1):
            other = KEY.match(lines[number - 1])
            if HEADER.match(lines[number - 1]):
                break
            if key and other and other[1] == key[1]:
                first = number
    return (TWICE if first is None else f"it stands in line {first} already; keep one of them"), ""


def _without_equals(place: _Place, line: str) -> Words:
    named = re.match(r"([A-Za-z0-9_-]+)\s*(:|\s)?\s*(.*)$", line)
    if named is None:
        return "there is no = behind the key", 'write key = "value"'
    if named[2] != ":" and (more := re.match(r"([A-Za-z0-9_-]+(?:\s+[A-Za-z0-9_-]+)+)\s*=", line)):
        key = more[1] if not place.secret or SECRET.fullmatch(more[1]) else "key"
        return "a key is one word", f"write {printable('_'.join(key.split()), LINE_MAX)} = ..."
    return "there is no = behind the key", _quoted(place, named[1], named[3])


def _quoted(place: _Place, key: str, value: str) -> str:
    """The line as it was most likely meant, or its form where the value may be secret or has signs that need care."""
    key, value = key.strip(), value.partition("#")[0].strip()
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", key) or (place.secret and not SECRET.fullmatch(key)):
        return 'write key = "value"'
    bare = re.fullmatch(r'"[^"\\]*"|[+-]?(0|[1-9]\d*)(\.\d+)?|true|false', value)
    text = value.strip("\"'")
    if place.secret or not text or (bare is None and re.search(r"[\"'\\\[\]{}]", text)):
        return f'write {printable(key, LINE_MAX)} = "value"'
    return _instead(place, f"{key} = {value}" if bare else f'{key} = "{text}"')


def _header(place: _Place, line: str) -> str:
    name = re.sub(r"[\s.]+", ".", re.sub(r"[\[\]#].*", "", line.lstrip("["))).strip(".")
    return "write [name]" if place.secret or not name else f"write [{printable(name, LINE_MAX)}]"


def _instead(place: _Place, line: str, words: str = "write ") -> str:
    if place.secret or place.start != place.number:
        return f'{words}key = "value"'
    return words + printable(line.strip(), LINE_MAX)


def _shown(lines: list[str], start: int, number: int) -> str:
    """A line for the person who wrote it; what may be a secret, or the rest of one, is left out."""
    line = lines[number - 1].strip()
    if SECRET.search(line) is None:
        first = min(start, number) - 1
        before = lines[first : number - 1] or [lines[first - 1]] if first > 0 else lines[first : number - 1]
        if any(map(SECRET.search, before)) and not OPENS.match(line):
            return MASK
    return printable(_masked(line), LINE_MAX)


def _masked(line: str) -> str:
    if secret := SECRET.search(line):
        shown = _without_user(line[: secret.end()])
        return f"{shown} {MASK}" if line[secret.end() :].strip() else shown
    return HEXADECIMAL.sub(MASK, _without_user(line))


def _without_user(line: str) -> str:
    """A URL may hold a user and a password, also one that is torn: in front of an @, and where a port would stand."""
    before, at, rest = line.rpartition("@")
    if at:
        line = f"{before[: before.find('=') + 1]} {MASK}@{rest}".lstrip()
    return NO_PORT.sub(rf"\1{MASK}", line)
