"""What is examined: a station's file, and how to ask whoever runs it."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from chargepoint import settings_places
from chargepoint.doctor.finding import Ask, AskError, Person
from chargepoint.registry import CheckedFile, check_file
from chargepoint.settings import Settings, SettingsError, read_document, state_dir_of


class Subject(Struct, kw_only=True):
    """path: of the configuration. running: a service uses this state. status, health: what it tells; None: it is silent."""

    path: Path
    checked: CheckedFile
    document: dict[str, Any]
    state_dir: Path
    person: Person | None = None
    running: bool = False
    status: dict[str, Any] | None = None
    health: list[dict[str, Any]] = []
    silence: str = ""

    @property
    def settings(self) -> Settings | None:
        return self.checked.settings


async def subject_of(path: Path, ask: Ask | None = None, person: Person | None = None) -> Subject:
    """Reads the file and asks the service. ask: None where nobody listens."""
    from chargepoint.store import reading

    document: dict[str, Any] = {}
    state_dir = _usual_state_dir(path)
    try:
        document = read_document(path)
        state_dir = Path(state_dir_of(path))
    except SettingsError:
        document = {}  # the check of the whole file tells why
    checked = check_file(path)
    running = ask is not None or reading.in_use(state_dir)
    subject = Subject(path=path, checked=checked, document=document, state_dir=state_dir, person=person, running=running)
    if ask is None:
        subject.silence = "a station uses its state, and nobody listens on its control socket" if running else ""
        return subject
    try:
        subject.status = await ask("status")
        subject.health = list((await ask("health"))["parts"])
    except (AskError, KeyError, TypeError) as error:
        subject.silence = f"the running service gives no answer: {error}"
    return subject


def _usual_state_dir(path: Path) -> Path:
    """Where the station of a file that cannot be read keeps its state, unless it says otherwise."""
    return Path(settings_places.state_dir({}, path.absolute().parent))
