"""HTTP and HTTPS: GET with Range for what is missing, PUT for what is sent (RFC 9110).

Owns redirects (at most 5, never from https to http, credentials only to the same origin), resumption with If-Range, and the
words for what a server answers. A PUT goes to the location of GetDiagnostics, a slash and the file's name.
"""

import base64
import ssl
from collections.abc import Callable
from typing import IO, cast
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError, IncompleteRead, NewConnectionError, ReadTimeoutError, SSLError

from chargepoint.core.maintenance_records import Refusal
from chargepoint.shell.transfers.address import Address, parse
from chargepoint.shell.transfers.jobs import BLOCK_BYTES, CONNECT_S, REDIRECTS_MAX, Job, TransferError
from chargepoint.shell.transfers.partial import Partial
from chargepoint.shell.transfers.trust import tls_context

REDIRECTS = (301, 302, 303, 307, 308)
RESUMED, RANGE_REFUSED = 206, 416
_BY = {"PUT": "it does not take files by PUT", "GET": "it does not hand out files by GET"}

Tell = Callable[[int, int | None], None]


def download(job: Job, address: Address, tell: Tell) -> Partial:
    """Fetches what is missing of the file and gives it its name; raises TransferError."""
    with _Client(job) as client, Partial(job) as partial:
        if partial.provable and not _go_on(client, address, partial, tell):
            partial.forget()
        if not partial.size:
            response = client.ask("GET", address, {})
            partial.begin(at=0, total=_length(response), validator=_validator(response))
            _take(response, partial, tell)
        partial.finish()
        return partial


def upload(job: Job, address: Address, file: IO[bytes], size: int, tell: Tell) -> None:
    """Sends the whole file; raises TransferError."""
    headers = {"Content-Length": str(size), "Content-Type": "application/gzip"}
    with _Client(job) as client:
        client.ask("PUT", address, headers, body=lambda: _Body(file, size, tell)).drain_conn()


class _Client:
    """Requests of one attempt, redirects included."""

    def __init__(self, job: Job) -> None:
        self._pools = urllib3.PoolManager(
            num_pools=REDIRECTS_MAX + 1,
            retries=False,
            timeout=urllib3.Timeout(connect=min(CONNECT_S, job.silence_s), read=job.silence_s),
            ssl_context=tls_context(job.certificates),
        )

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._pools.clear()

    def ask(
        self,
        method: str,
        address: Address,
        headers: dict[str, str],
        body: Callable[[], "_Body"] | None = None,
        also: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:
        """The response behind all redirects: 2xx, or one of `also`."""
        first = address
        for _ in range(REDIRECTS_MAX + 1):
            response = self._request(method, address, _with_credentials(headers, address, first), body)
            if response.status not in REDIRECTS or (response.status == 303 and method != "GET"):
                break
            address = _redirected(address, response)
            response.close()
        else:
            raise TransferError(f"more than {REDIRECTS_MAX} redirects, the last one to {address.shown}")
        if 200 <= response.status < 300 or response.status in also:
            return response
        response.close()
        raise TransferError(_refusal(method, address, response.status), refusal=REFUSALS.get(response.status))

    def _request(
        self, method: str, address: Address, headers: dict[str, str], body: Callable[[], "_Body"] | None
    ) -> urllib3.BaseHTTPResponse:
        host = f"[{address.host}]" if ":" in address.host else address.host
        try:
            return self._pools.request(
                method,
                f"{address.scheme}://{host}:{address.port}{address.target}",
                headers={"User-Agent": "chargepoint", "Accept-Encoding": "identity", **headers},
                body=None if body is None else cast(IO[bytes], body()),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise TransferError(words(error, address)) from error


class _Body:
    """A file to send, that tells how far it is. Rewound for every request."""

    def __init__(self, file: IO[bytes], size: int, tell: Tell) -> None:
        file.seek(0)
        self._file = file
        self._size = size
        self._tell = tell
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(BLOCK_BYTES if size < 0 else min(size, BLOCK_BYTES))
        self._sent += len(block)
        self._tell(self._sent, self._size)
        return block


def words(error: BaseException, address: Address) -> str:
    """What went wrong on the way, for people."""
    found = _cause(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"the certificate of {address.host} is not trusted: {found.verify_message} (is the station's clock right?)"
    if isinstance(found, ssl.SSLError):
        return f"TLS with {address.host} failed: {found.reason or found}"
    if isinstance(error, NewConnectionError) or isinstance(found, ConnectionRefusedError):
        return f"{address.host}:{address.port} cannot be reached: {getattr(found, 'strerror', None) or found}"
    if isinstance(error, ReadTimeoutError | TimeoutError) or isinstance(found, TimeoutError):
        return f"{address.host} did not answer in time"
    if isinstance(error, IncompleteRead):
        return "the connection ended before the file did"
    return f"{address.host}: {type(found).__name__}: {found}"[:300]


def _cause(error: BaseException) -> BaseException:
    """The innermost error, below what libraries wrap around it."""
    for _ in range(8):
        inner = error.__cause__ or (error.__context__ if not error.__suppress_context__ else None)
        if isinstance(error, SSLError) and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        if inner is None:
            break
        error = inner
    return error


def _go_on(client: _Client, address: Address, partial: Partial, tell: Tell) -> bool:
    """Asks for the rest. False where the server has another file, or none to go on with: the part is worth nothing."""
    at, marks = partial.size, partial.marks
    headers = {"Range": f"bytes={at}-"}
    if marks.validator is not None:
        headers["If-Range"] = marks.validator
    response = client.ask("GET", address, headers, also=(RANGE_REFUSED,))
    if response.status == RANGE_REFUSED:
        response.close()
        return marks.total == at and _range(response)[1] in (at, None)
    if response.status != RESUMED:
        partial.begin(at=0, total=_length(response), validator=_validator(response))
        _take(response, partial, tell)
        return True
    begin, total = _range(response)
    validator = _validator(response)
    other = marks.validator is not None and validator is not None and validator != marks.validator
    if begin != at or other or (marks.total is not None and total is not None and total != marks.total):
        response.close()
        return False
    partial.begin(at=at, total=total if total is not None else marks.total, validator=validator or marks.validator)
    _take(response, partial, tell)
    return True


def _take(response: urllib3.BaseHTTPResponse, partial: Partial, tell: Tell) -> None:
    try:
        while block := response.read1(BLOCK_BYTES, decode_content=False):
            partial.write(block)
            tell(partial.size, partial.marks.total)
    except (HTTPError, OSError, ValueError) as error:
        total = partial.marks.total
        reached = f"after {partial.size}" + (f" of {total} bytes" if total is not None else " bytes")
        cause = _cause(error)
        timed_out = isinstance(error, ReadTimeoutError) or isinstance(cause, TimeoutError)
        raise TransferError(f"the server {'fell silent' if timed_out else 'ended the connection'} {reached}") from error
    finally:
        response.close()


def _redirected(address: Address, response: urllib3.BaseHTTPResponse) -> Address:
    there = response.headers.get("Location", "")
    if not there:
        raise TransferError(f"{address.shown} answered {response.status} without saying where to")
    base = f"{address.scheme}://{f'[{address.host}]' if ':' in address.host else address.host}:{address.port}{address.target}"
    target = parse(urljoin(base, there))
    if target.scheme not in ("http", "https"):
        raise TransferError(f"{address.shown} redirects to {target.scheme}, which is not followed")
    if address.scheme == "https" and target.scheme == "http":
        raise TransferError(f"{address.shown} redirects from https to http, which is not followed")
    return target


def _with_credentials(headers: dict[str, str], address: Address, first: Address) -> dict[str, str]:
    """HTTP Basic, to the origin that the credentials were given for."""
    holder = address if address.user is not None else first if address.origin == first.origin else None
    if holder is None or holder.user is None:
        return headers
    plain = f"{holder.user}:{holder.password or ''}".encode()
    return {**headers, "Authorization": "Basic " + base64.b64encode(plain).decode()}


REFUSALS: dict[int, Refusal] = {
    400: "bad_request",
    401: "permission",
    403: "permission",
    405: "unsupported",
    501: "unsupported",
}


def _refusal(method: str, address: Address, status: int) -> str:
    meaning = {
        401: "it wants other credentials, or any",
        403: "it does not allow that",
        404: "there is no such file" if method == "GET" else "there is no such directory",
        405: _BY[method],
        501: _BY[method],
        413: "the file is too large for it",
        507: "it has no room",
    }.get(status, "the server has trouble" if status >= 500 else "it refuses")
    return f"{address.shown} answered {status}: {meaning}"


def _length(response: urllib3.BaseHTTPResponse) -> int | None:
    """The whole file's length, where the server tells one that counts."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        response.close()
        raise TransferError("the server sends the file in another encoding, though it was asked not to")
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return None
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _range(response: urllib3.BaseHTTPResponse) -> tuple[int | None, int | None]:
    """First byte and total of Content-Range; None for what is not there."""
    unit, _, rest = response.headers.get("Content-Range", "").strip().partition(" ")
    span, _, total = rest.strip().partition("/")
    first = span.partition("-")[0].strip()
    if unit.lower() != "bytes":
        return None, None
    return (int(first) if first.isdecimal() else None), (int(total) if total.strip().isdecimal() else None)


def _validator(response: urllib3.BaseHTTPResponse) -> str | None:
    """What If-Range may hold: a strong ETag, or else the date of the last change."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"'):
        return tag
    return response.headers.get("Last-Modified", "").strip() or None
