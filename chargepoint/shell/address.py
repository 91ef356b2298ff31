"""Where the Central System is, and how the station proves who it is.

Owns the URL, the Authorization header and the TLS context (OCPP-J 1.6 section 3.1; security white paper sections 2.4 to 2.6).
Refuses to connect. What is wrong here raises AddressError with words for an installer.
"""

import base64
import ssl
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct

from chargepoint.settings import Settings


class AddressError(Exception):
    """The link cannot even be tried; the text names the setting."""


class Address(Struct, frozen=True, kw_only=True):
    """What the link needs to know. Profile 2 or 3 means wss whatever the URL's scheme. Files are PEM."""

    url: str
    identity: str
    security_profile: int = 0
    root_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 120.0
    connect_timeout_s: float = 20.0


def address_of(settings: Settings) -> Address:
    there, security = settings.central_system, settings.security
    return Address(
        url=there.url,
        identity=settings.station.identity,
        security_profile=there.security_profile,
        root_file=security.central_system_root,
        certificate_file=security.client_certificate,
        key_file=security.client_key,
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


def without_credentials(url: str) -> str:
    """The URL as it may be shown: user name and password that an installer wrote into it are left out."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def authorization(identity: str, authorization_key: str) -> str | None:
    """The Authorization header: identity and the key's bytes. None without a key."""
    if not authorization_key:
        return None
    try:
        password = bytes.fromhex(authorization_key)
    except ValueError:
        raise AddressError("credentials: the AuthorizationKey is not hexadecimal; write its bytes as hex digits") from None
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()


def tls_context(address: Address) -> ssl.SSLContext:
    """Verifies certificate and host name. Reads files, so not for the event loop's thread."""
    try:
        context = ssl.create_default_context(cafile=address.root_file)
    except (OSError, ssl.SSLError) as error:
        raise AddressError(f"TLS: [security] central_system_root {address.root_file} cannot be used: {_why(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if address.certificate_file is None:
        if address.security_profile == 3:
            raise AddressError("TLS: security profile 3 needs [security] client_certificate and client_key")
        return context
    try:
        # An empty password keeps OpenSSL from asking the terminal for one.
        context.load_cert_chain(address.certificate_file, address.key_file, password="")
    except (OSError, ssl.SSLError) as error:
        files = f"client_certificate {address.certificate_file} and client_key {address.key_file or '(none)'}"
        raise AddressError(f"TLS: [security] {files} cannot be used: {_why(error)}") from error
    return context


def _why(error: OSError | ssl.SSLError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)
