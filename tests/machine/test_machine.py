"""The machine that the stories of units stand on: systemd does its work in it, and its disk outlives a power cut."""

import time
from collections.abc import Callable

from hil.machine import Machine

UNIT = """
[Service]
Type=notify
ExecStart=/usr/bin/python3 -c "{program}"
ExecStopPost=/bin/sh -c "echo after $$SERVICE_RESULT >> /var/lib/after"
DynamicUser=yes
StateDirectory=thing
ProtectSystem=strict
ReadWritePaths=/var/lib
"""
NOTIFY = (
    "import os,socket,time;"
    "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);"
    "s.sendto(b'READY=1',os.environ['NOTIFY_SOCKET']);"
    "time.sleep(600)"
)


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    ends_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.05)


def test_a_unit_runs_is_killed_and_its_stop_post_is_called_and_the_disk_outlives_a_power_cut(machine: Machine) -> None:
    unit = machine.path("/etc/systemd/system/thing.service")
    unit.write_text(UNIT.format(program=NOTIFY).replace("DynamicUser=yes", "").replace("ProtectSystem=strict", ""))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "thing")
    machine.run("systemctl", "kill", "--signal=KILL", "thing")
    after = machine.path("/var/lib/after")
    until(after.exists)
    until(lambda: after.read_text() == "after signal\n")
    machine.power_cut()
    machine.start()
    assert machine.path("/var/lib/after").read_text() == "after signal\n"
    assert machine.run("systemctl", "is-active", "thing", check=False).stdout == "inactive\n"
