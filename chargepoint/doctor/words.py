"""Everything that the doctor can find, each with what it means and what to do. docs/doctor.md is this table.

A finding keeps its code for ever: people look for it.
"""

from msgspec import Struct


class Known(Struct, frozen=True, kw_only=True):
    """remark: worth a look, but the station works with it, and the verdict is not spoilt by it."""

    part: str
    means: str
    fix: str
    remark: bool = False


def _of(part: str, means: str, fix: str, *, remark: bool = False) -> Known:
    return Known(part=part, means=means, fix=fix, remark=remark)


KNOWN: dict[str, Known] = {
    "config-wrong": _of(
        "config",
        "a station would not start with this file, or without the part that is named",
        "correct the file; chargepoint check-config",
    ),
    "config-remark": _of("config", "valid, but worth a look", "see chargepoint check-config", remark=True),
    "disk-missing": _of(
        "disk", "state_dir is not there and cannot be made", "set [station] state_dir to a folder on this disk"
    ),
    "disk-permission": _of(
        "disk", "the state's folder cannot be written or looked into", "run as the service's user, or with sudo"
    ),
    "disk-read-only": _of("disk", "the file system is mounted read-only", "mount it rw, or replace a card that went read-only"),
    "disk-full": _of("disk", "too little room: new sessions will be refused", "free room, or take a larger card"),
    "disk-mount": _of(
        "disk", "mounted so that a power cut can damage the database", "correct its line in /etc/fstab; docs/reliability.md"
    ),
    "disk-memory": _of(
        "disk", "state_dir lies in memory: a power cut loses sessions", "set [station] state_dir to a real disk"
    ),
    "disk-network": _of("disk", "state_dir lies on a network folder", "set [station] state_dir to a disk of this machine"),
    "disk-atime": _of("disk", "every reading of a file writes to the card", "mount with noatime", remark=True),
    "disk-busy": _of("disk", "much is written: a card wears out", "look for programs that log to the card", remark=True),
    "disk-worn": _of("disk", "the card says that it is near its end", "replace it; chargepoint backup first"),
    "disk-database": _of(
        "disk", "a database could not be read once, and was kept", "keep it; sessions may wait in it", remark=True
    ),
    "clock-wrong": _of(
        "clock", "the date is impossible; certificates fail because of it", "timedatectl set-ntp true, and look at the network"
    ),
    "clock-unsynchronised": _of(
        "clock", "nobody holds the clock to the time", "timedatectl set-ntp true; a battery clock helps", remark=True
    ),
    "clock-differs": _of(
        "clock", "the Central System has another time", "find out which is wrong: timedatectl here, theirs there", remark=True
    ),
    "power-low": _of(
        "power", "the Raspberry Pi has too little voltage", "use a supply of 5.1 V and 3 A or more with short wires"
    ),
    "watchdog-off": _of(
        "watchdog",
        "a Raspberry Pi whose kernel hangs keeps its outputs, and so a contactor, as they are",
        "dtparam=watchdog=on and RuntimeWatchdogSec=15; docs/wiring.md",
        remark=True,
    ),
    "port-missing": _of("ports", "a port that the file names is not there", "check the cable, and `port` in the file"),
    "port-permission": _of("ports", "this user may not open the port", "sudo usermod -aG dialout USER, then log in again"),
    "port-busy": _of("ports", "another program has the port", "end it; look for a getty or a second service"),
    "meter-lost": _of(
        "meter",
        "the meter does not answer",
        "check its power, its line (A and B, baud rate and parity; or host and port) and unit id",
    ),
    "meter-other": _of(
        "meter", "another meter than the file says", "take the map, or the serial_number, of the meter that is there"
    ),
    "meter-implausible": _of("meter", "values that cannot be", "compare with the meter's display; check map and wiring"),
    "meter-wiring": _of("meter", "the meter shows how it is wired", "see docs/meters.md", remark=True),
    "reader-lost": _of("reader", "the card reader does not answer", "check its wires and `device` or `port`; docs/readers.md"),
    "reader-no-card": _of(
        "reader", "no card was read in time", "hold a card flat on the reader; check which cards it can read"
    ),
    "inputs-lost": _of("inputs", "the inputs cannot be read", "check the pins; docs/wiring.md"),
    "input-active": _of("inputs", "an input says that something is wrong", "release or close what it names, or check its wire"),
    "pilot-lost": _of("pilot", "the control pilot cannot be made or measured", "check circuit and settings; docs/pilot.md"),
    "pilot-fault": _of(
        "pilot", "the pilot line is not as it must be without a car", "unplug; check the circuit; docs/pilot.md"
    ),
    "lock-lost": _of("lock", "the lock does not answer", "check its wires; docs/wiring.md"),
    "lock-jammed": _of("lock", "the bolt does not move", "free it; check motor, its supply and feedback_pin"),
    "contactor-lost": _of("contactor", "the contactor does not answer", "check pins and wires; docs/wiring.md"),
    "contactor-closed": _of(
        "contactor",
        "closed though nobody closed it: welded, or feedback is wired the other way round",
        "cut the power; docs/wiring.md",
    ),
    "contactor-stuck": _of(
        "contactor",
        "it does not close",
        "check the coil's chain: fuse, emergency stop, RCD; with a pilot relay in it, it closes for a car only",
    ),
    "contactor-welded": _of("contactor", "it does not open", "cut the power and replace it"),
    "light-lost": _of("light", "the lamp cannot be driven", "check its pins; docs/lights.md"),
    "light-dark": _of("light", "nobody saw it", "check its wires and `common`; docs/lights.md"),
    "service-silent": _of(
        "central-system", "a station runs and does not answer its control socket", "sudo systemctl restart chargepoint"
    ),
    "cs-address": _of("central-system", "the address cannot be tried", "correct [central_system] and [security]"),
    "cs-unread": _of(
        "central-system",
        "not tried: the security profile and password that are stored cannot be read, and the file's may be older",
        "run chargepoint doctor with sudo; a damaged database is moved aside when the service starts",
    ),
    "cs-dns": _of("central-system", "the host's name is not known", "check the spelling of url, and the network (ping)"),
    "cs-tcp": _of("central-system", "nobody answers at host and port", "check the port in url, and the firewall between"),
    "cs-tls": _of("central-system", "no secure connection", "check ws:// against wss://, and the port"),
    "cs-certificate": _of(
        "central-system",
        "its certificate is not trusted",
        "give its root in [security] central_system_root, or correct the host in url",
    ),
    "cs-clock": _of(
        "central-system",
        "its certificate is refused because the clock here is wrong",
        "set the clock: timedatectl set-ntp true",
    ),
    "cs-expired": _of("central-system", "its certificate has expired", "the operator needs a new certificate"),
    "cs-own-certificate": _of(
        "central-system",
        "it refuses the certificate of this station",
        "have a new one signed; check [security] client_certificate",
    ),
    "cs-path": _of(
        "central-system", "404: nothing is at this path", "check the path of url and [station] identity with the operator"
    ),
    "cs-password": _of(
        "central-system",
        "401: identity or password is refused",
        "compare authorization_key (hexadecimal) and identity with the operator's",
    ),
    "cs-identity": _of(
        "central-system", "403: this station is not let in", "have the identity registered and enabled by the operator"
    ),
    "cs-http": _of("central-system", "no WebSocket opens there", "check url with the operator"),
    "cs-subprotocol": _of("central-system", "it does not speak ocpp1.6 there", "take the operator's address for OCPP 1.6 JSON"),
    "cs-pending": _of("central-system", "BootNotification: Pending", "the operator has yet to accept the station", remark=True),
    "cs-rejected": _of("central-system", "BootNotification: Rejected", "have the identity registered by the operator"),
    "cs-silent": _of("central-system", "BootNotification was not answered", "tell the operator; the connection itself is well"),
}
