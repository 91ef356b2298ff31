"""A Debian machine without a virtual machine: namespaces, an overlay, and the system's own init, or none.

`roots` makes the file systems (once, kept in the user's cache), `machine` starts one and runs commands in it. Its disk survives
`power_cut()`, its processes do not. Needs root, mmdebstrap and a kernel with cgroup v2; raises `Unavailable` in words where one
is missing, so that tests can be skipped by name.
"""

from hil.machine.machine import Machine
from hil.machine.roots import Unavailable, root

__all__ = ["Machine", "Unavailable", "root"]
