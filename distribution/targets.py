"""Targets: for which Debian and which machine a package is built, and what that means for its wheels and dependencies.

One package a Python version: wheels with compiled parts fit one only. 32-bit machines have no wheels of msgspec.
"""

from typing import NamedTuple

GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux2014", "manylinux_2_17")  # Debian 12 has 2.36
MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
RELEASES = {"bookworm": "deb12", "trixie": "deb13"}
LGPIO_WHEELS = ("3.11",)  # for Python 3.13 there is none; Raspberry Pi's archive has a package, Debian 13 itself has none


class Target(NamedTuple):
    """suite: bookworm or trixie. architecture: as Debian names it."""

    suite: str
    architecture: str

    @property
    def name(self) -> str:
        return f"{self.suite}-{self.architecture}"

    @property
    def python(self) -> str:
        return PYTHONS[self.suite]

    @property
    def has_lgpio_wheel(self) -> bool:
        return self.python in LGPIO_WHEELS

    @property
    def platforms(self) -> list[str]:
        return [f"{glibc}_{MACHINES[self.architecture]}" for glibc in GLIBC]

    @property
    def depends(self) -> str:
        major, minor = self.python.split(".")
        python = f"python3 (>= {self.python}), python3 (<< {major}.{int(minor) + 1})"
        return f"{python}, python3-spidev, systemd, init-system-helpers (>= 1.54), ca-certificates, tzdata"

    @property
    def recommends(self) -> str:
        """What apt takes along where it can be had: not every station has header pins or this reader."""
        return "chargepoint-mfrc522" if self.has_lgpio_wheel else "chargepoint-mfrc522, python3-lgpio"

    def version(self, version: str) -> str:
        """The package's version: that of the project, and the release, so that the next Debian's one is an upgrade."""
        return f"{version}+{RELEASES[self.suite]}"


ALL = tuple(Target(suite, architecture) for suite in PYTHONS for architecture in MACHINES)


def named(name: str) -> Target:
    """The target of a name such as bookworm-arm64; raises KeyError with those that there are."""
    for target in ALL:
        if target.name == name:
            return target
    raise KeyError(f"no target {name}; there are {', '.join(target.name for target in ALL)}")
