"""GPIO of a Raspberry Pi: contactor, inputs and lock on the lines of its header (docs/wiring.md).

While the station runs, lines are gpiozero's devices on lgpio (`board`, `wires`). When it is gone, `bare` brings them into their
safe state through the kernel's own interface, with nothing in between.
"""
