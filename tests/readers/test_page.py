"""docs/readers.md is true where a machine can tell."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from chargepoint.registry import config_of
from drivers import keyboard, mfrc522, pn532
from drivers.cards.keystrokes import tag_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "readers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
KEYS = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_copied(example: str) -> None:
    for part in tomllib.loads(example)["readers"].values():
        assert config_of("reader", part).module is not None


def test_every_key_of_the_chips_is_explained() -> None:
    fields = {field.name for module in (mfrc522, pn532) for field in structs.fields(module.Config)}
    assert fields <= KEYS
    assert {field.name for field in structs.fields(keyboard.Config)} <= KEYS | {"device", "format", "uid_bytes", "grab"}


@pytest.mark.parametrize("row", re.findall(r"^\| `([0-9A-F]+)` \| (.*) \|$", PAGE, re.MULTILINE))
def test_what_readers_type_becomes_the_uid_that_the_table_says(row: tuple[str, str]) -> None:
    typed, settings = row
    form = "decimal" if "decimal" in settings else "hex"
    order = "reversed" if "reversed" in settings else "as_read"
    assert tag_of(typed, form, order, 4) == "04A1B2C3"  # type: ignore[arg-type]


def test_the_station_example_in_the_config_folder_names_real_drivers() -> None:
    text = (ROOT / "config" / "chargepoint.toml").read_text(encoding="utf-8")
    block = text[text.index("# A card reader on the Raspberry Pi") : text.index("# Lines such as")]
    uncommented = "\n".join(line.removeprefix("# ") for line in block.splitlines() if re.match(r"# [\[\w]+.*[\]=]", line))
    assert config_of("reader", tomllib.loads(uncommented)["readers"]["1"]).module is mfrc522
