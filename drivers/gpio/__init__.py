"""GPIO of a Raspberry Pi: contactor, inputs and lock on the lines of its header (docs/wiring.md).

Outputs are gpiozero's devices on lgpio (`board`), inputs the kernel's own lines, whose edges wake the event loop (`bare`);
`wires` is how parts use both. When the station is gone, `bare` brings outputs into their safe state with nothing in between.
"""
