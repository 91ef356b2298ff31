"""The board: gpiozero's pin factory for the whole process, made when the first part needs it, and its errors in words.

Every part that makes a device of gpiozero gives it this factory. One that somebody has set before (gpiozero's MockFactory in
tests) is used as it is.
"""

import asyncio
import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from chargepoint.ports import DriverError
from drivers.gpio import bare

T = TypeVar("T")

_making = threading.Lock()


def factory() -> Any:
    """The pin factory. Blocks while it is made (0.2 s on a Pi 4); raises DriverError."""
    with _making:
        try:
            from gpiozero import Device
        except ImportError as error:
            raise DriverError(f"gpiozero is not installed ({error}): apt-get install python3-gpiozero python3-lgpio") from error
        if Device.pin_factory is None:
            number = bare.header_chip()
            with _lgpio_folder():
                try:
                    from drivers.gpio.steady import SteadyFactory
                except ImportError as error:
                    raise DriverError(f"lgpio is not installed ({error}): apt-get install python3-lgpio") from error
            with in_words("the GPIO chip"):
                Device.pin_factory = SteadyFactory(number)
        return Device.pin_factory


@contextlib.contextmanager
def in_words(what: str, pin: int | None = None) -> Iterator[None]:
    """Turns what gpiozero and lgpio raise into a DriverError about a thing, or about a pin."""
    try:
        yield
    except DriverError:
        raise
    except Exception as error:
        said = str(error).strip("'\"")
        name = type(error).__name__
        if pin is not None and said == "GPIO busy":
            words = (
                f'GPIO{pin} is held by "{bare.holder(pin)}": end that program, or the overlay in config.txt that takes the pin'
            )
        elif name == "GPIOPinInUse":
            words = f"GPIO{pin} serves another part already: give one of them another pin"
        elif name == "PinUnknownPi":
            words = f"gpiozero does not know this board ({said}): is this a Raspberry Pi, and python3-gpiozero current?"
        else:
            words = f"{what}: {name}: {said}"
        raise DriverError(words) from error


async def in_thread(make: Callable[[], T], undo: Callable[[T], None]) -> T:
    """What a thread makes. Cancelled meanwhile, it is undone when it is there, so that nothing keeps its pins."""
    making = asyncio.get_running_loop().run_in_executor(None, make)
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:

        def late(done: asyncio.Future[T]) -> None:
            if not done.cancelled() and done.exception() is None:
                undo(done.result())

        making.add_done_callback(late)
        raise


@contextlib.contextmanager
def _lgpio_folder() -> Iterator[None]:
    """A folder of our own while lgpio is imported.

    Its import changes to the folder LG_WD, stays there, and makes a FIFO whose name two processes share. Once both its ends are
    open the FIFO is not needed any more.
    """
    home = next((path for name in ("LG_WD", "RUNTIME_DIRECTORY") if (path := os.environ.get(name, "").split(":")[0])), None)
    before, told = Path.cwd(), os.environ.get("LG_WD")
    try:
        with tempfile.TemporaryDirectory(prefix="lgpio-", dir=home) as folder:
            os.environ["LG_WD"] = folder
            try:
                yield
            finally:
                os.chdir(before)
    except OSError as error:
        raise DriverError(f"lgpio needs a folder that can be written ({error}): set LG_WD or RUNTIME_DIRECTORY") from error
    finally:
        if told is None:
            os.environ.pop("LG_WD", None)
        else:
            os.environ["LG_WD"] = told
