"""What stories of certificates and security events have in common: the vault's answers, and what was told and kept."""

from typing import Any

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core import vault_records as vr
from tests.core.central_system import Payload
from tests.core.harness import World

KEY = "00112233445566778899AABBCCDDEEFF"
CONTENTS = vr.VaultContents(central_system_roots=1, client_since_s=1.0, client_until_s=4e9)
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"


def station(profile: int = 2, **more: Any) -> World:
    """A station that is connected with a security profile, in an extension that its Central System knows."""
    world = World(**{"security_profile": profile, "key_mark": "settings", "wall": True, "reconnect_s": 1.0, **more})
    world.deliver(ev.VaultSeen(CONTENTS))
    return world


def asked(world: World) -> fx.AskVault:
    """The newest question to the vault."""
    return world.asked_vault[-1]


def answer(world: World, answered: vr.VaultAnswer, question: fx.AskVault | None = None) -> None:
    world.deliver(ev.VaultAnswered((question or asked(world)).key, answered))


def ask(world: World, action: str, payload: Payload, answered: vr.VaultAnswer) -> Payload:
    """A CALL that the vault must answer first; the confirmation's payload."""
    message_id = world.ask(action, payload)
    assert message_id not in world.answers, "nobody knows the answer yet"
    answer(world, answered)
    found = world.answers[message_id]
    assert isinstance(found, dict), found
    return found


def told(world: World) -> list[str]:
    """The security events that the Central System heard of, in order."""
    return [payload["type"] for payload in world.calls("SecurityEventNotification")]


def kept(world: World) -> list[str]:
    """The lines of the security log."""
    return [line.event.value for _, line in sorted(world.store.security_log.items())]


def infos(world: World, event: str) -> list[str]:
    return [line.info for _, line in sorted(world.store.security_log.items()) if line.event == event]


def forget(world: World) -> None:
    """Only what comes from now on counts."""
    world.store.security_log = {seq: line for seq, line in world.store.security_log.items() if line.owed}
    world.sent.clear()
    world.forget()
