"""What the board's library lacks or leaves behind, in words and in folders."""

import sys

import pytest

from chargepoint.ports import DriverError
from drivers.gpio import board
from hil.kernel import Kernel, missing
from hil.kernel.child import Child

PROGRAM = """
import os
from drivers.gpio import board
from drivers.gpio.wires import Output
before = os.getcwd()
Output(17, active_high=True)
print(os.getcwd() == before, repr(os.environ["LG_WD"]), os.listdir(os.environ["RUNTIME_DIRECTORY"].split(":")[0]))
"""


def test_a_missing_library_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(DriverError, match=r"gpiozero is not installed .* apt-get install python3-gpiozero python3-lgpio"):
        board.factory()


@pytest.mark.skipif(bool(missing("gpiozero", "lgpio")), reason=f"layer C: {missing('gpiozero', 'lgpio')}")
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Kernel(revision=None), "gpiozero does not know this board"),
        (
            lambda: Kernel(label="gpio-mockup"),
            "no chip here is a Raspberry Pi's header; there are: /dev/gpiochip0 (gpio-mockup)",
        ),
    ],
)
def test_a_board_that_is_no_raspberry_pi_is_told(made: type[Kernel], words: str) -> None:
    with made() as kernel, Child(kernel, PROGRAM) as child:
        assert child.ends() == 1
    assert words in child.heard[-1]


@pytest.mark.skipif(bool(missing("gpiozero", "lgpio")), reason=f"layer C: {missing('gpiozero', 'lgpio')}")
def test_lgpio_leaves_the_process_where_it_was_and_no_fifo(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Kernel() as kernel, Child(kernel, PROGRAM, {"RUNTIME_DIRECTORY": f"{folder}:/elsewhere", "LG_WD": ""}) as child:
        assert child.line() == "True '' []"
