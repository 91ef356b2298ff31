"""SFTP, where asyncssh is installed (extra `sftp`).

Owns trust in servers: the key that a host shows first is kept in known_hosts, and another one later is refused. The Central
System that names a server also gives the credentials for it, so there is nobody else to ask.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from chargepoint.shell.transfers.address import Address, file_path
from chargepoint.shell.transfers.jobs import BLOCK_BYTES, CONNECT_S, Job, TransferError
from chargepoint.shell.transfers.partial import Partial

Tell = Callable[[int, int | None], None]


def download(job: Job, address: Address, tell: Tell) -> Partial:
    """Fetches what is missing of the file and gives it its name; raises TransferError."""
    path = file_path(address)

    async def fetch(sftp: Any) -> Partial:
        with Partial(job) as partial:
            found = await sftp.stat(path)
            total, changed = found.size, None if found.mtime is None else str(found.mtime)
            same = partial.marks.total == total and partial.marks.validator == changed and partial.size <= (total or 0)
            if not (partial.provable and same):
                partial.forget()
            partial.begin(at=partial.size, total=total, validator=changed)
            async with sftp.open(path, "rb", block_size=None) as there:
                while block := await asyncio.wait_for(there.read(BLOCK_BYTES, partial.size), job.silence_s):
                    partial.write(block)
                    tell(partial.size, total)
            partial.finish()
            return partial

    partial: Partial = asyncio.run(_session(job, address, fetch))
    return partial


def upload(job: Job, address: Address, file: IO[bytes], size: int, tell: Tell) -> None:
    """Sends the whole file; raises TransferError."""
    path = file_path(address)

    async def send(sftp: Any) -> None:
        file.seek(0)
        sent = 0
        async with sftp.open(path, "wb", block_size=None) as there:
            while block := file.read(BLOCK_BYTES):
                await asyncio.wait_for(there.write(block, sent), job.silence_s)
                sent += len(block)
                tell(sent, size)
        found = await sftp.stat(path)
        if found.size is not None and found.size != size:
            raise TransferError(f"{address.shown} has {found.size} of {size} bytes after the upload")

    asyncio.run(_session(job, address, send))


async def _session(job: Job, address: Address, work: Callable[[Any], Any]) -> Any:
    try:
        import asyncssh
    except ImportError:
        text = "SFTP is not installed here: install the package asyncssh (extra sftp) to use it"
        raise TransferError(text, hopeless=True) from None
    known = Path(job.known_hosts) if job.known_hosts else None
    try:
        connection = await asyncio.wait_for(
            asyncssh.connect(
                address.host,
                address.port,
                username=address.user or "anonymous",
                password=address.password,
                known_hosts=None if known is None or not _knows(known, address) else str(known),
                client_keys=None,
                agent_path=None,
                config=None,
                preferred_auth=("password", "keyboard-interactive"),
            ),
            CONNECT_S,
        )
        async with connection:
            if known is not None and not _knows(known, address):
                _remember(known, address, connection.get_server_host_key())
            async with connection.start_sftp_client() as sftp:
                return await work(sftp)
    except TransferError:
        raise
    except TimeoutError:
        raise TransferError(f"{address.host} did not answer in time") from None
    except asyncssh.HostKeyNotVerifiable:
        text = f"{address.host} shows another key than before: if that is right, remove its line from {known}"
        raise TransferError(text) from None
    except asyncssh.PermissionDenied:
        raise TransferError(f"{address.shown}: the server refuses the login", refusal="permission") from None
    except asyncssh.SFTPPermissionDenied:
        raise TransferError(f"{address.shown}: the server does not allow it", refusal="permission") from None
    except asyncssh.SFTPOpUnsupported:
        raise TransferError(f"{address.shown}: the server cannot do that", refusal="unsupported") from None
    except (asyncssh.Error, OSError) as error:
        raise TransferError(f"{address.shown}: {getattr(error, 'reason', None) or error}"[:300]) from error


def _name(address: Address) -> str:
    return address.host if address.port == 22 else f"[{address.host}]:{address.port}"


def _knows(known: Path, address: Address) -> bool:
    try:
        return any(line.split(" ", 1)[0] == _name(address) for line in known.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return False


def _remember(known: Path, address: Address, key: Any) -> None:
    line = f"{_name(address)} {key.export_public_key('openssh').decode().strip()}\n"
    with os.fdopen(os.open(known, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(line)
