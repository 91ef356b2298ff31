"""Where a file lies: a URL taken apart, with its credentials kept out of everything that is shown.

Owns which schemes there are. Raises TransferError where a URL cannot be used at all.
"""

from urllib.parse import quote, unquote, urlsplit, urlunsplit

from msgspec import Struct

from chargepoint.shell.transfers.jobs import TransferError

PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}
URL_MAX = 4_096


class Address(Struct, frozen=True, kw_only=True):
    """A URL in parts. path: as the URL has it, percent-encoded, without query. user and password: decoded, None if absent."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    user: str | None = None
    password: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def target(self) -> str:
        """Path and query, for a request line."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def shown(self) -> str:
        """The URL for people: without credentials, and without the query, which may sign a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}" + ("?..." if self.query else "")

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def parse(url: str) -> Address:
    """The parts of a URL; raises TransferError."""
    if len(url) > URL_MAX:
        raise TransferError(f"the URL has {len(url)} characters, at most {URL_MAX} can be used", hopeless=True)
    if not url.isprintable() or " " in url:
        raise TransferError("the URL has characters that no URL may have", hopeless=True)
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
        user = None if split.username is None else unquote(split.username, errors="strict")
        password = None if split.password is None else unquote(split.password, errors="strict")
    except ValueError:
        raise TransferError(
            "the URL cannot be understood: is its port a number, are its brackets closed?", hopeless=True
        ) from None
    scheme = split.scheme.lower()
    if scheme not in PORTS:
        raise TransferError(f"{scheme[:20] or 'no scheme'}: files can be moved by {', '.join(PORTS)} only", hopeless=True)
    if not host:
        raise TransferError(f"the {scheme} URL names no host", hopeless=True)
    return Address(
        scheme=scheme,
        host=host,
        port=PORTS[scheme] if port is None else port,
        path=quote(split.path, safe="/%:@!$&'()*+,;=~-._"),
        query=quote(split.query, safe="/%:@!$&'()*+,;=~-._?[]{}|^"),
        user=user or None,
        password=password,
    )


def shown(url: str) -> str:
    """Any URL as it may be logged."""
    try:
        return parse(url).shown
    except TransferError:
        return "(a URL that cannot be used)"


def file_path(address: Address) -> str:
    """The path as FTP and SFTP take it: relative to the directory of the login, absolute where it begins with // or /%2F."""
    path = unquote(address.path[1:])
    if any(character in path for character in "\r\n\0"):
        raise TransferError("the URL's path has a line break in it", hopeless=True)
    if not path:
        raise TransferError("the URL names no file", hopeless=True)
    return path


def within(url: str, name: str) -> str:
    """The URL of the file `name` in the directory `url`, credentials and query included; raises TransferError."""
    parse(url)
    split = urlsplit(url)
    return urlunsplit(split._replace(path=f"{split.path.rstrip('/')}/{quote(name)}", fragment=""))
