"""Control pilot and proximity of IEC 61851-1, made and measured by the station's own computer.

Pure: `duty` (current to pulse), `offers` (when a duty may change), `states` (voltages to pilot states), `plateaus` (samples to
voltages), `proximity` (resistance to cable). I/O: `adc` (MCP3008 on SPI), `pwm` (the kernel's hardware PWM), `sampler` (one
burst of samples), `pilot` (the driver that a configuration names). docs/pilot.md shows the circuit.
"""
