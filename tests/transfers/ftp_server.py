"""An FTP server of another make, pyftpdlib, on loopback: plain, with AUTH TLS, or with TLS from the first byte.

Runs in a thread of its own; `Faults` makes it misbehave.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "station", "p@ss/word"


class Faults:
    """cut_after: the data connection of the next download ends there. commands: those that the server was given."""

    def __init__(self) -> None:
        self.cut_after: int | None = None
        self.commands: list[str] = []


class Server:
    def __init__(self, port: int, root: Path, faults: Faults, scheme: str) -> None:
        self.port, self.root, self.faults, self.scheme = port, root, faults, scheme

    def url(self, path: str, credentials: str = "station:p%40ss%2Fword") -> str:
        return f"{self.scheme}://{credentials and credentials + '@'}localhost:{self.port}/{path}"


@contextmanager
def running(root: Path, pem: str | None = None, *, implicit: bool = False, without: tuple[str, ...] = ()) -> Iterator[Server]:
    """pem: certificate and key in one file, for TLS. without: commands that this server does not know."""
    faults = Faults()
    loop = IOLoop()
    handler = _handler(root, faults, pem, implicit, without)
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            loop.loop(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, name="ftp server", daemon=True)
    thread.start()
    try:
        yield Server(server.address[1], root, faults, "ftp" if pem is None else "ftps")
    finally:
        stop.set()
        thread.join(5)


def _handler(root: Path, faults: Faults, pem: str | None, implicit: bool, without: tuple[str, ...]) -> Any:
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmw")
    data: Any = DTPHandler if pem is None else TLS_DTPHandler
    control: Any = FTPHandler if pem is None else TLS_FTPHandler

    class Data(data):  # type: ignore[misc]
        def send(self, block: bytes) -> Any:
            sent = super().send(block if faults.cut_after is None else block[: faults.cut_after])
            if faults.cut_after is not None:
                faults.cut_after = None
                self.cmd_channel.respond("426 cut")
                self.close()
            return sent

    class Control(control):  # type: ignore[misc]
        def pre_process_command(self, line: str, command: str, argument: str) -> None:
            faults.commands.append(line)
            if command in without:
                self.respond("502 not known here")
            else:
                super().pre_process_command(line, command, argument)

        def handle(self) -> None:
            if implicit:
                self.secure_connection(self.get_ssl_context())
            super().handle()

    Control.authorizer = authorizer
    Control.dtp_handler = Data
    Control.banner = "here"
    Control.auth_failed_timeout = 0
    Control.use_sendfile = False
    if pem is not None:
        Control.certfile = pem
        Control.tls_control_required = Control.tls_data_required = True
    return Control
