"""gpiozero's lgpio pins without its two surprises. Imports gpiozero and lgpio, so only `board` imports this.

A pin of gpiozero is an input without a pull from the moment it is named, then an output at 0, then what it was asked to be: a
relay board that is active at 0 picks up for a moment, and a line that another process left driven floats. And when it is closed
it floats again. Here a line is claimed with its level in one call, and an output that is closed stays as it is. gpiozero names
`output_with_state` for that purpose.
"""

import lgpio
from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin
from gpiozero.pins.local import LocalPiPin


class SteadyPin(LGPIOPin):  # type: ignore[misc]
    def __init__(self, factory: object, info: object) -> None:
        LocalPiPin.__init__(self, factory, info)  # not LGPIOPin's, which claims the line as an input
        self._pwm = self._bounce = self._callback = None
        self._edges = lgpio.BOTH_EDGES

    def output_with_state(self, state: bool) -> None:
        lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))
        lgpio.gpio_write(self.factory._handle, self._number, int(state))  # a line that is an output already is not claimed anew

    def close(self) -> None:
        if self.factory._handle is not None:
            self.when_changed = None


class SteadyFactory(LGPIOFactory):  # type: ignore[misc]
    def __init__(self, chip: int) -> None:
        super().__init__(chip)
        self.pin_class = SteadyPin
