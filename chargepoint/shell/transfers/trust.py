"""Which servers are trusted: one rule for HTTPS and FTPS."""

import ssl

from chargepoint.messages import CertificateUse
from chargepoint.shell.transfers.jobs import TransferError
from chargepoint.shell.vault import folder


def tls_context(certificates: folder.Places | None) -> ssl.SSLContext:
    """Certificates and host names are verified, against the system's authorities and the Central System's installed roots."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificates is None:
        return context
    try:
        roots = folder.roots(certificates, CertificateUse.CentralSystemRootCertificate)
        if roots:
            context.load_verify_locations(cadata="".join(root.pem for root in roots))
    except folder.FolderError as error:
        raise TransferError(str(error)) from error
    except ssl.SSLError as error:
        raise TransferError(f"the Central System roots cannot be used: {error.reason}") from error
    return context
