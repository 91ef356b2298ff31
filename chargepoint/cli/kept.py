"""What the station keeps, for the commands: asked of the running service, or read from its store while it is stopped."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from chargepoint.cli.common import CommandError, config_path, control_socket
from chargepoint.cli.control_client import ControlClient, NotRunning

Row = dict[str, Any]
T = TypeVar("T")


def ask(arguments: argparse.Namespace, running: Callable[[ControlClient], T], stopped: Callable[[Path], T]) -> T:
    """The outcome of `running` with the service, or where none runs, of `stopped` with its state's folder.

    Raises CommandError where neither can be had.
    """
    try:
        with ControlClient(control_socket(arguments)) as client:
            return running(client)
    except NotRunning:
        directory = state_dir(arguments)
    with stopped_store():
        return stopped(directory)


def rows_of(answer: dict[str, Any], name: str) -> list[Row]:
    """The list of a service's answer; raises CommandError where it has none."""
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise CommandError(f"the service's answer has no list {name}; is it the same version as this command?")
    return found


def state_dir(arguments: argparse.Namespace) -> Path:
    """The state's folder, as the configuration says."""
    from chargepoint.settings import SettingsError, state_dir_of

    try:
        return Path(state_dir_of(config_path(arguments)))
    except SettingsError as error:
        raise CommandError(str(error)) from error


@contextmanager
def stopped_store() -> Iterator[None]:
    """What goes wrong with the store of a stopped service, as the command's own error."""
    from chargepoint.store import StoreError

    try:
        yield
    except StoreError as error:
        raise CommandError(f"the service is not running, so its store was opened, but: {error}") from error
