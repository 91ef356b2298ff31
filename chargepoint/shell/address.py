"""Where the Central System is, and how the station proves who it is.

Owns the URL and the Authorization header (OCPP-J 1.6 section 3.1). Refuses to connect, and leaves TLS to `tls`. What is wrong
here raises AddressError with words for an installer.
"""

import base64
import hashlib
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct

from chargepoint.settings import Settings, initial_configuration


class AddressError(Exception):
    """The link cannot even be tried; the text names the setting."""


class Address(Struct, frozen=True, kw_only=True):
    """What the link needs to know. Profile 2 or 3 means wss whatever the URL's scheme. wildcards: in the name of the server's
    certificate they count then, too.
    """

    url: str
    identity: str
    security_profile: int = 0
    wildcards: bool = False
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 120.0
    connect_timeout_s: float = 20.0


def address_of(settings: Settings) -> Address:
    there = settings.central_system
    first = {name.lower(): value.strip().lower() for name, value in initial_configuration(settings).items()}
    allowed = first.get("allowcentralsystemtlswildcards")
    return Address(
        url=there.url,
        identity=settings.station.identity,
        security_profile=there.security_profile,
        wildcards=allowed == "true",
        reconnect_min_s=there.reconnect_min_s,
        reconnect_max_s=there.reconnect_max_s,
        connect_timeout_s=there.connect_timeout_s,
    )


def station_url(address: Address) -> str:
    """The base, a slash and the percent-encoded identity."""
    parts = urlsplit(address.url)
    scheme = "wss" if address.security_profile >= 2 else parts.scheme.lower()
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._") + "/" + quote(address.identity, safe="")
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def ends_with(url: str, identity: str) -> bool:
    """Whether a base has the identity already, which `station_url` would put there a second time."""
    return url.rstrip("/").endswith(("/" + identity, "/" + quote(identity, safe="")))


def without_credentials(url: str) -> str:
    """The URL as it may be shown: user name and password that an installer wrote into it are left out."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def key_mark(authorization_key: str) -> str:
    """Tells whether a key is still the same one; empty without a key. Two bytes: too few to find the key with them."""
    return hashlib.blake2b(authorization_key.lower().encode(), digest_size=2).hexdigest() if authorization_key else ""


def authorization(identity: str, authorization_key: str) -> str | None:
    """The Authorization header: identity and the key's bytes. None without a key."""
    if not authorization_key:
        return None
    try:
        password = bytes.fromhex(authorization_key)
    except ValueError:
        raise AddressError("credentials: the AuthorizationKey is not hexadecimal; write its bytes as hex digits") from None
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()
