"""Words: what the page says, in the reader's language.

A language is one JSON file: English text, or a key such as `fault.door_open`, and what it is. English texts stand in the
program and need no entry; `en.json` holds the keys only. What a file lacks is said in English. Other languages: one more file
`xx.json` beside them, or in the folder `languages` of the page's state.
"""

import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "languages"
FILE_SIZE_MAX = 512 * 1024


class Words:
    """One language."""

    def __init__(self, code: str, texts: dict[str, str]) -> None:
        self.code = code
        self._texts = texts

    def __call__(self, text: str, /, **values: Any) -> str:
        """The text in this language, {names} filled in."""
        found = self._texts.get(text, text)
        return found.format(**values) if values else found

    def knows(self, key: str) -> bool:
        return key in self._texts

    @property
    def name(self) -> str:
        return self._texts.get("language", self.code)

    def number(self, value: float, digits: int = 0) -> str:
        """A number as it is written there."""
        text = f"{value:,.{digits}f}"
        if self._texts.get("decimal") == ",":
            return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",")
        return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


class Languages:
    """Those that there are. more: a folder of the operator's own."""

    def __init__(self, more: Path | None = None, preferred: str = "") -> None:
        english = _read(SHIPPED / "en.json")
        self._all = {"en": Words("en", english)}
        for path in sorted([*SHIPPED.glob("??.json"), *(more.glob("??.json") if more is not None else ())]):
            if path.stem != "en":
                self._all[path.stem] = Words(path.stem, {**english, **_read(path)})
        self._preferred = preferred if preferred in self._all else ""

    @property
    def all(self) -> tuple[Words, ...]:
        return tuple(self._all.values())

    def chosen(self, cookie: str, accepted: str) -> Words:
        """Whatever the reader chose, else the setting's, else the first of the browser's that is there."""
        for code in (cookie, self._preferred, *(part.strip()[:2].lower() for part in accepted[:200].split(","))):
            if code in self._all:
                return self._all[code]
        return self._all["en"]


def _read(path: Path) -> dict[str, str]:
    """Raises ValueError with the file's name where it is no catalogue."""
    raw = path.read_bytes()
    try:
        texts = json.loads(raw) if len(raw) <= FILE_SIZE_MAX else None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise ValueError(f"{path}: must be an object of texts, smaller than {FILE_SIZE_MAX} bytes")
    return texts
