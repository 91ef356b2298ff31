"""Targets: all that there are, by name."""

from hil.fuzz.control import ControlSocket
from hil.fuzz.databases import Databases
from hil.fuzz.files import Recordings, Settings
from hil.fuzz.frames import Frames
from hil.fuzz.hardware import HardwareSocket
from hil.fuzz.meters import Meters
from hil.fuzz.target import Target

ALL: tuple[Target, ...] = (
    Frames(),
    ControlSocket(),
    Settings(),
    Databases(),
    Meters(),
    HardwareSocket(),
    Recordings(),
)
BY_NAME = {target.name: target for target in ALL}
