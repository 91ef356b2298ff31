"""FTP and FTPS: RETR with REST for what is missing, STOR for what is sent (RFC 959, 3659, 4217).

Owns the TLS of control and data connections: ftps means AUTH TLS, and TLS from the first byte on port 990. Data connections
are protected and take up the session of the control connection, which many servers insist on. Always passive mode.
"""

import contextlib
import ftplib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import IO, Any

from chargepoint.core.maintenance_records import Refusal
from chargepoint.shell.transfers.address import Address, file_path
from chargepoint.shell.transfers.jobs import BLOCK_BYTES, CONNECT_S, Job, TransferError
from chargepoint.shell.transfers.partial import Partial
from chargepoint.shell.transfers.trust import tls_context

IMPLICIT_PORT = 990

Tell = Callable[[int, int | None], None]


class _Tls(ftplib.FTP_TLS):
    """FTP_TLS whose data connections resume the control connection's session; `implicit`: TLS before the welcome."""

    implicit = False

    def connect(self, *arguments: Any, **named: Any) -> str:
        if not self.implicit:
            return super().connect(*arguments, **named)
        self.host, self.port, self.timeout = arguments
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def download(job: Job, address: Address, tell: Tell) -> Partial:
    """Fetches what is missing of the file and gives it its name; raises TransferError."""
    path = file_path(address)
    with _opened(job, address) as ftp, Partial(job) as partial:
        total, changed = _size(ftp, path), _changed(ftp, path)
        marks = partial.marks
        same = marks.total == total and marks.validator == changed and partial.size <= (total or partial.size)
        if not (partial.provable and same):
            partial.forget()
        if total is None or partial.size < total or total == 0:
            _retrieve(ftp, path, partial, total, changed, tell)
        partial.finish()
        return partial


def upload(job: Job, address: Address, file: IO[bytes], size: int, tell: Tell) -> None:
    """Sends the whole file; raises TransferError."""
    path = file_path(address)
    with _opened(job, address) as ftp:
        file.seek(0)
        sent = 0
        with ftp.transfercmd(f"STOR {path}") as connection:
            while block := file.read(BLOCK_BYTES):
                connection.sendall(block)
                sent += len(block)
                tell(sent, size)
            if isinstance(connection, ssl.SSLSocket):
                with contextlib.suppress(OSError):  # many servers close without the last word of TLS; what counts is their 226
                    connection.unwrap()
        ftp.voidresp()
        there = _size(ftp, path)
        if there is not None and there != size:
            raise TransferError(f"{address.shown} has {there} of {size} bytes after the upload")


@contextlib.contextmanager
def _opened(job: Job, address: Address) -> Iterator[ftplib.FTP]:
    """A session; whatever goes wrong in it becomes a TransferError."""
    ftp: ftplib.FTP = _Tls(context=tls_context(job.certificates)) if address.scheme == "ftps" else ftplib.FTP()
    try:
        if isinstance(ftp, _Tls):
            ftp.implicit = address.port == IMPLICIT_PORT
        ftp.connect(address.host, address.port, min(CONNECT_S, job.silence_s))
        if ftp.sock is not None:
            ftp.sock.settimeout(job.silence_s)
        ftp.timeout = job.silence_s
        _log_in(ftp, address)
        yield ftp
    except (ftplib.Error, OSError, EOFError, ValueError) as error:
        raise TransferError(_words(error, address), refusal=_refusal(error)) from error
    finally:
        ftp.close()


def _log_in(ftp: ftplib.FTP, address: Address) -> None:
    user = address.user or "anonymous"
    password = address.password if address.password is not None else "chargepoint@"
    if isinstance(ftp, _Tls):
        if ftp.implicit:
            ftplib.FTP.login(ftp, user, password)
        else:
            ftp.login(user, password)  # AUTH TLS comes first
        ftp.prot_p()
    else:
        ftp.login(user, password)
    ftp.voidcmd("TYPE I")


def _retrieve(ftp: ftplib.FTP, path: str, partial: Partial, total: int | None, changed: str | None, tell: Tell) -> None:
    connection = None
    if partial.size:
        try:
            connection = ftp.transfercmd(f"RETR {path}", partial.size)
        except ftplib.error_perm as error:
            if not str(error).startswith("50"):
                raise
            partial.forget()  # a server without REST sends everything anew
    partial.begin(at=partial.size, total=total, validator=changed)
    connection = connection or ftp.transfercmd(f"RETR {path}")
    with connection:
        while block := connection.recv(BLOCK_BYTES):
            partial.write(block)
            tell(partial.size, total)
    ftp.voidresp()


def _size(ftp: ftplib.FTP, path: str) -> int | None:
    """None where the server does not tell it; a file that is not there shows when it is asked for."""
    try:
        return ftp.size(path)
    except ftplib.error_perm:
        return None


def _changed(ftp: ftplib.FTP, path: str) -> str | None:
    try:
        return ftp.voidcmd(f"MDTM {path}")
    except ftplib.error_perm:
        return None


REFUSALS: dict[str, Refusal] = {
    **dict.fromkeys(("530", "532", "553"), "permission"),
    **dict.fromkeys(("502", "504"), "unsupported"),
    **dict.fromkeys(("500", "501", "503"), "bad_request"),
}


def _refusal(error: BaseException) -> Refusal | None:
    """By the reply's code (RFC 959, section 4.2)."""
    if not isinstance(error, ftplib.error_perm):
        return None
    return REFUSALS.get(str(error)[:3])


def _words(error: BaseException, address: Address) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {address.host} is not trusted: {error.verify_message} (is the station's clock right?)"
    if isinstance(error, ssl.SSLError):
        return f"TLS with {address.host} failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"{address.host} did not answer in time"
    if isinstance(error, ftplib.error_perm) and str(error).startswith("530"):
        return f"{address.shown}: the server refuses the login ({str(error)[:100]})"
    if isinstance(error, ftplib.Error):
        return f"{address.shown}: the server answered {str(error)[:200]}"
    if isinstance(error, EOFError):
        return f"{address.shown}: the server ended the connection"
    if isinstance(error, ValueError):
        return f"{address.shown}: {error}"[:300]
    if isinstance(error, OSError):
        return f"{address.host}:{address.port}: {error.strerror or error}"[:300]
    return f"{address.shown}: {type(error).__name__}"
