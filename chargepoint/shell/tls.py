"""TLS to the Central System: whom the station trusts, how it proves itself, and in which order it tries what is new.

Owns the TLS context of every attempt ("Improved security for OCPP 1.6-J", edition 2, sections 2.4 to 2.6): versions, suites,
roots, the client's pair, and the time that certificates are held against (`moment`). Refuses to connect. Everything is read
anew for each attempt, so what is installed counts from the next one on; no session is kept, so none is resumed.

A new pair and a new root are tried before the old ones, turn by turn, until a frame has come over a connection with them: then
the old ones go. A new pair that was refused STRIKES times while the old one connected is given up.
"""

import hashlib
import logging
import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chargepoint.messages import CertificateUse
from chargepoint.shell.address import AddressError
from chargepoint.shell.moment import Moment
from chargepoint.shell.vault import folder
from chargepoint.shell.vault.folder import FolderError, Pair, Places

log = logging.getLogger(__name__)

SUITES = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",  # TLS_RSA_WITH_AES_128_GCM_SHA256: the white paper has it for back ends that can no more
        "AES256-GCM-SHA384",
        "@SECLEVEL=2",  # keys of at least 112 bits
    )
)
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME; the module ssl has no name for it
NO_WILDCARDS = 0x2  # X509_CHECK_FLAG_NO_WILDCARDS
STRIKES = 3
TLS, MUTUAL = 2, 3


class OutOfTime(ssl.SSLError):
    """A certificate of the server's chain is not valid at the best known time. clock: that time may be what is wrong."""

    def __init__(self, text: str, *, clock: bool) -> None:
        super().__init__(text)
        self.text = text
        self.clock = clock


class Use(Struct, frozen=True, kw_only=True):
    """What an attempt uses. new_pair: a pair that has not connected yet, by its file's identity. beside_new: the old pair while
    there is a new one. without_fallback: only the root in force, though there is an older one.
    """

    new_pair: tuple[int, int] | None = None
    beside_new: bool = False
    without_fallback: bool = False


class Shown(Struct, frozen=True):
    """A certificate of the server's chain. Dates in seconds since 1970 UTC."""

    name: str
    begins_s: float
    ends_s: float


class Trust:
    """moment: the best time that is known now. changed: is called when files of the vault were changed here."""

    def __init__(self, places: Places, moment: Callable[[], Moment], changed: Callable[[], None] = lambda: None) -> None:
        self._places = places
        self._moment = moment
        self._changed = changed
        self._turn = 0
        self._strikes = 0

    def context(self, profile: int, wildcards: bool = False) -> tuple[ssl.SSLContext, Use]:
        """For one attempt. wildcards: in the name of the server's certificate they count with profile 2 and 3, too.

        Reads files, so not for the event loop's thread; raises AddressError.
        """
        context = Context(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
        context.moment = self._moment()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITES)
        if profile >= TLS and not wildcards:
            inner: Any = context  # the module ssl has `hostname_checks_common_name` of these flags, and no other
            inner._host_flags |= NO_WILDCARDS
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        if not context.moment.sure:
            context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)  # `Dated` looks at every date itself
        try:
            without_fallback = self._load_roots(context, profile)
            new_pair, beside_new = self._load_pair(context, profile)
        except FolderError as error:
            raise AddressError(f"TLS: {error}") from error
        return context, Use(new_pair=new_pair, beside_new=beside_new, without_fallback=without_fallback)

    def overdue(self, context: ssl.SSLContext | None) -> str | None:
        """Why a connection that was opened while the time was not certain must end now that it is; None where it need not."""
        if not isinstance(context, Context) or not context.chain:
            return None
        moment = self._moment()
        try:
            check_dates(context.chain, moment)
        except OutOfTime as error:
            return error.text
        if moment.sure:
            context.chain = ()  # nothing more is to be found out
        return None

    def failed(self) -> None:
        """A connection with the newest context did not come about, or ended before a frame came."""
        self._turn += 1

    def proven(self, use: Use) -> None:
        """A frame came over a connection. Touches files only where something is new; never raises."""
        self._turn = 0
        try:
            if use.new_pair is not None and folder.promote(self._places, use.new_pair):
                self._strikes = 0
                log.info("the station's new certificate is in use; the old one is removed")
                self._changed()
            if use.beside_new:
                self._strike()
            if use.without_fallback:
                folder.drop_fallback(self._places)
                log.info("the new Central System root is in use; the old one is removed")
                self._changed()
        except (OSError, FolderError) as error:
            log.warning("certificates: what is old cannot be removed: %s", error)

    def _strike(self) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            self._strikes = 0
            folder.discard_new(self._places)
            log.error("the station's new certificate was refused %d times; it is given up, the old one stays", STRIKES)
            self._changed()

    def _load_roots(self, context: ssl.SSLContext, profile: int) -> bool:
        """True where a fallback was left out."""
        roots = folder.roots(self._places, CertificateUse.CentralSystemRootCertificate)
        in_force = [root for root in roots if not root.fallback]
        fewer = len(in_force) < len(roots) and self._turn // 2 % 2 == 0
        if roots:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an installed one is trusted, whoever signed it
            try:
                context.load_verify_locations(cadata="".join(root.pem for root in (in_force if fewer else roots)))
            except ssl.SSLError as error:
                raise FolderError(f"the Central System roots cannot be used: {why(error)}") from error
        elif profile >= 2:
            hint = "give [security] central_system_root, or have one installed (InstallCertificate)"
            raise FolderError(f"security profile {profile} needs a Central System root certificate; {hint}")
        else:
            context.load_default_certs()
        return fewer

    def _load_pair(self, context: ssl.SSLContext, profile: int) -> tuple[tuple[int, int] | None, bool]:
        """Which new pair was taken, and whether the old one was taken beside a new one."""
        pairs = folder.pairs(self._places)
        if profile != MUTUAL:
            # What the settings name is shown to whoever asks; what the vault has is for profile 3.
            pairs = tuple(pair for pair in pairs if pair.certificate_file == self._places.client_certificate)
        elif not pairs:
            hint = "give [security] client_certificate and client_key, or have one signed (SignCertificate)"
            raise FolderError(f"security profile {profile} needs a certificate of the station; {hint}")
        if not pairs:
            return None, False
        pair = pairs[self._turn % len(pairs)]
        mark = folder.identity(pair.certificate_file) if pair.new else None
        try:
            # An empty password keeps OpenSSL from asking the terminal for one.
            context.load_cert_chain(pair.certificate_file, pair.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            raise FolderError(f"{_named(pair, self._places)} cannot be used: {why(error)}") from error
        return mark, len(pairs) > 1 and not pair.new


class Dated(ssl.SSLObject):
    """Holds the server's chain against the best known time, before anything is sent to it."""

    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        if isinstance(context, Context) and not context.moment.sure:
            context.chain = chain_of(self)
            check_dates(context.chain, context.moment)


class Context(ssl.SSLContext):
    """A context that knows the time. chain: what the server showed, where the clock was not synchronised."""

    moment: Moment
    chain: tuple[Shown, ...] = ()
    sslobject_class = Dated


def check_dates(chain: Iterable[Shown], moment: Moment) -> None:
    """Raises OutOfTime where a certificate is not valid at the moment."""
    for one in chain:
        believed, ends = f"this station believes {_date(moment.at_s)}", f"ends on {_date(one.ends_s)}"
        if one.ends_s < moment.floor_s:
            raise OutOfTime(f"{one.name} {ends}, and it is at least {_date(moment.floor_s)}: it has expired", clock=False)
        if one.ends_s < moment.at_s:
            raise OutOfTime(f"{one.name} {ends}, and {believed}", clock=True)
        if one.begins_s > moment.latest_begin_s:
            raise OutOfTime(f"{one.name} begins on {_date(one.begins_s)}, and {believed}", clock=True)


def chain_of(connection: ssl.SSLObject) -> tuple[Shown, ...]:
    """Every certificate from the server's to the root. Raises OutOfTime where Python does not tell."""
    inner: Any = getattr(connection, "_sslobj", None)  # the public way, of Python 3.13, gives bytes without dates
    try:
        found = [certificate.get_info() for certificate in inner.get_verified_chain()]
        shown = tuple(Shown(_subject(one), _seconds(one["notBefore"]), _seconds(one["notAfter"])) for one in found)
    except (AttributeError, KeyError, TypeError, ValueError):
        shown = ()
    if not shown:
        raise OutOfTime("this Python does not tell the dates of certificates, and the clock is not synchronised", clock=True)
    return shown


def root_of(connection: ssl.SSLObject | None) -> str | None:
    """SHA-256 of the root that vouches for the server, in hexadecimal. None without TLS, or where Python does not tell."""
    inner: Any = getattr(connection, "_sslobj", None)
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(inner.get_verified_chain()[-1].public_bytes())).hexdigest()
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def why(error: OSError | ssl.SSLError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)


def _seconds(date: str) -> float:
    return float(ssl.cert_time_to_seconds(date))


def _subject(info: dict[str, Any]) -> str:
    names = {key: value for part in info.get("subject", ()) for key, value in part}
    name = str(names.get("commonName") or names.get("organizationalUnitName") or names.get("organizationName") or "")
    return f"the certificate {''.join(letter if letter.isprintable() else '?' for letter in name[:80]) or 'of the server'}"


def _named(pair: Pair, places: Places) -> str:
    if pair.certificate_file == places.client_certificate:
        return f"[security] client_certificate {pair.certificate_file} and client_key {pair.key_file or '(none)'}"
    return f"the station's certificate {pair.certificate_file}"


def _date(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
