"""What the station keeps, for the commands: asked of the running service, or read from its database while it is stopped."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chargepoint.cli.common import CommandError, config_path, control_socket
from chargepoint.cli.control_client import ControlClient, NotRunning

PAGE = 500
Row = dict[str, Any]


def pages(arguments: argparse.Namespace, do: str, name: str, stopped: Callable[[Path, int, int], list[Row]]) -> Iterator[Row]:
    """Rows page by page: of the service's answer to `do` (its list `name`), or of `stopped(database, limit, offset)`."""
    try:
        with ControlClient(control_socket(arguments)) as client:
            yield from _paged(lambda offset: _rows(client.request(do, limit=PAGE, offset=offset), name))
    except NotRunning:
        database = database_path(arguments)
        yield from _paged(lambda offset: stopped(database, PAGE, offset))


def database_path(arguments: argparse.Namespace) -> Path:
    """The database of a stopped station; raises CommandError where there is none."""
    from chargepoint.settings import SettingsError, state_dir_of
    from chargepoint.store import DATABASE_NAME

    try:
        path = Path(state_dir_of(config_path(arguments))) / DATABASE_NAME
    except SettingsError as error:
        raise CommandError(str(error)) from error
    if not path.exists():
        raise CommandError(f"the service is not running and there is no database {path}: this station has never run")
    return path


def _paged(page: Callable[[int], list[Row]]) -> Iterator[Row]:
    offset = 0
    while True:
        rows = page(offset)
        yield from rows
        if len(rows) < PAGE:
            return
        offset += len(rows)


def _rows(answer: dict[str, Any], name: str) -> list[Row]:
    rows = answer.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CommandError(f"the service's answer has no list {name}; is it the same version as this command?")
    return rows
