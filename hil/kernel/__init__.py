"""The emulated kernel: real, unmodified gpiozero, lgpio and spidev talk to lines and chips that a test holds in its hand.

    with Kernel() as kernel:
        kernel.drive(27, True)
        process = subprocess.Popen([...], env=kernel.environment())
        closed_at = kernel.wait_level(17, True)

`missing()` says in words what a machine lacks for it, or None.
"""

from hil.kernel.broker import Kernel
from hil.kernel.lines import Change, Line
from hil.kernel.shim import missing

__all__ = ["Change", "Kernel", "Line", "missing"]
