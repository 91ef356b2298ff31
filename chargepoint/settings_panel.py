"""Settings of the station's page, the table [panel]: read by the page's own process, checked with all others."""

from typing import Annotated

from msgspec import Meta, Struct

HostName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z",
        description="the name of a host: letters, digits, dots and -, without http:// and port",
    ),
]


class Panel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may see the page, and where.

    listen: "127.0.0.1:8080" is this machine alone, "0.0.0.0:8080" the whole network ("[::]:8080": with IPv6). names: by which
    names, besides its addresses and its host name, the station is reached. certificate, key: files in PEM, for https; relative
    ones lie beside the configuration file. driver_page: a page without a password that tells drivers how to charge.
    state_dir: where passwords are kept; empty: `panel` in the station's own. language: en, de, or that of a file beside them;
    empty: the browser's.
    """

    listen: Annotated[
        str,
        Meta(
            pattern=r"^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9]{1,3}(\.[0-9]{1,3}){3}):[0-9]{1,5}\Z",
            description="must be an address and a port",
            examples=['listen = "127.0.0.1:8080", or "0.0.0.0:8080" for the whole network'],
        ),
    ] = "127.0.0.1:8080"
    names: Annotated[list[HostName], Meta(max_length=20)] = []
    certificate: str | None = None
    key: str | None = None
    driver_page: bool = False
    state_dir: str = ""
    language: Annotated[
        str, Meta(pattern=r"^([a-z]{2})?\Z", description='must be two small letters, such as "en" or "de", or empty')
    ] = ""
