"""Settings syntax: what is no TOML, told with its line, section, key, and what the writer most likely meant."""

import re

from chargepoint.tables import Problem, printable

HINTS = (  # what tomllib says, what stands in the line, the next step
    ("", r"[\u2018-\u201f\u00ab\u00bb]", 'text stands in straight quotes: key = "value"'),
    ("", r"=\s*[+-]?\d+,\d", "a number has a point, no comma: 32.0"),
    ("", r"=\s*(True|TRUE|False|FALSE|(?i:yes|no|on|off))\b", "write true or false, in small letters"),
    ("Invalid value", "", 'text stands in quotes: key = "value"'),
    ("Illegal character", "", "is the quote at the end missing?"),
    ("Cannot overwrite", "", "it stands there twice; keep one of them"),
    ("Cannot declare", "", "it stands there twice; keep one of them"),
    ("Expected '='", "", 'write key = "value"'),
    ("Expected ']'", "", "a table begins with [name]"),
    ("Invalid hex", "", r"in quotes a backslash is written twice: \\"),
    ("Unescaped", "", r"in quotes a backslash is written twice: \\"),
)


def problem(file: str, text: str, error: Exception) -> Problem:
    """Where tomllib stopped, with the section and key of that line as far as they can be seen."""
    if isinstance(error, RecursionError):
        return Problem(file=file, found="lists within lists", allowed="nested too deeply")
    said = str(error)
    at = re.search(r"\(at line (\d+), column (\d+)\)$", said)
    if at is None:
        return Problem(file=file, found="the end of the file", allowed=printable(said, 200), hint="is a quote or bracket open?")
    line, column = int(at[1]), int(at[2])
    lines = text.split("\n")[:line]
    key = re.match(r"\s*([A-Za-z0-9_.-]+)\s*=", lines[-1])
    above = [] if lines[-1].lstrip().startswith("[") else reversed(lines)
    section = next((m[1] for line_ in above if (m := re.match(r"\s*\[+([A-Za-z0-9_. -]+)\]+", line_))), "")
    return Problem(
        file=file,
        section=section.strip(),
        key=key[1] if key else "",
        found=f"a mistake in line {line}, column {column}",
        allowed=printable(said[: at.start()].strip(), 200),
        hint=next((hint for words, seen, hint in HINTS if words in said and re.search(seen, lines[-1].partition("#")[0])), ""),
    )
