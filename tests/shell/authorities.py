"""What an authority makes for servers and stations."""

import ssl
from datetime import datetime, timedelta
from pathlib import Path

import trustme


def server_context(authority: trustme.CA, name: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
    not_before = None if not_after is None else not_after - timedelta(days=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after, not_before=not_before).configure_cert(context)
    return context


def mutual(authority: trustme.CA) -> ssl.SSLContext:
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


def pair_of(authority: trustme.CA, path: Path, name: str = "cp-1") -> dict[str, str]:
    """The station's pair as files that settings name."""
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(path)
    return {"client_certificate": str(path), "client_key": str(path)}
