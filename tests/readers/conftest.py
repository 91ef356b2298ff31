"""The package mfrc522 loads spidev without using it where a model is wired to it: a name is enough for that."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from drivers.mfrc522.package import registers
from hil.chips.mfrc522 import Mfrc522
from tests.readers.wiring import Spi


@pytest.fixture(autouse=True, scope="session")
def package_without_spidev() -> None:
    if find_spec("mfrc522") is None or find_spec("spidev") is not None:
        return
    sys.modules["spidev"] = ModuleType("spidev")
    registers(Spi(Mfrc522()))
    del sys.modules["spidev"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("mfrc522") is None:
        missing = pytest.mark.skip(reason='the package mfrc522 is missing: pip install --no-deps "mfrc522>=0.0.7,<0.1"')
        for item in items:
            if "test_mfrc522" in item.path.name:
                item.add_marker(missing)
