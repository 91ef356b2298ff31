"""Which servers are trusted: one rule for HTTPS and FTPS."""

import ssl

from chargepoint.shell.transfers.jobs import TransferError


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Certificates and host names are verified, against the system's authorities and those of ca_file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise TransferError(f"{ca_file} cannot be used as a certificate authority: {error}") from error
    return context
