"""Cases: made out of a number, run, and written down where they fail."""

import base64
import hashlib
import json
import random
import traceback
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hil.fuzz import watch as watching
from hil.fuzz.shrinking import Budget, Inputs, shrink
from hil.fuzz.target import Target
from hil.fuzz.watch import Hung, Watch

ROOT = Path(__file__).parents[2]
CASE_S = 60.0
TEXT_MAX = 2_000
SHRINK_TRIES = 500
SHRINK_S = 20.0


class BadFile(Exception):
    """A file holds no case; the text says why."""


class Failure(Struct, frozen=True, kw_only=True):
    """What a case did wrong. where: the deepest line of this project. trace: the traceback."""

    target: str
    seed: str
    inputs: Inputs
    what: str
    where: str
    trace: str = ""

    @property
    def kind(self) -> tuple[str, str, str]:
        """Two failures with the same one are taken for the same mistake. Where a case was when its time was up is chance."""
        error = self.what.partition(":")[0]
        return self.target, "" if error == Hung.__name__ else self.where, error

    def words(self) -> str:
        return f"{self.target}: {self.what} (in {self.where}; seed {self.seed})"


class _Written(Struct, frozen=True, kw_only=True):
    """A case as a file. inputs: text where they are, else base64."""

    target: str
    seed: str
    what: str
    where: str
    inputs: list[dict[str, str]]


def make(target: Target, seed: str) -> Inputs:
    """The case of a seed, always the same one."""
    return target.case(random.Random(f"{target.name} {seed}"))


def attempt(target: Target, inputs: Inputs, seed: str, watch: Watch) -> Failure | None:
    """Runs a case; what it did wrong, or None."""
    try:
        with watch.case():
            target.run(inputs)
    except (Exception, Hung) as error:
        what = f"{type(error).__name__}: {error}".replace("\n", " ")[:TEXT_MAX]
        trace = "".join(traceback.format_exception(error, limit=-30))
        return Failure(target=target.name, seed=seed, inputs=inputs, what=what, where=_where(error), trace=trace)
    return None


def shrunk(target: Target, failure: Failure, watch: Watch) -> Failure:
    """The same failure with less to read, as far as that goes within SHRINK_TRIES and SHRINK_S."""
    last = failure

    def fails(inputs: Inputs) -> bool:
        nonlocal last
        again = attempt(target, inputs, failure.seed, watch)
        if again is None or again.kind != failure.kind:
            return False
        last = again
        return True

    inputs = shrink(failure.inputs, fails, Budget(SHRINK_TRIES, SHRINK_S))
    return replace(last, inputs=inputs)


def write(failure: Failure, folder: Path) -> Path:
    """One file for each kind of failure: the next one of the kind is written over it."""
    name = hashlib.sha256(repr(failure.kind).encode()).hexdigest()[:8]
    path = folder / f"{failure.target}-{name}.json"
    written = _Written(
        target=failure.target,
        seed=failure.seed,
        what=failure.what,
        where=failure.where,
        inputs=[_written(data) for data in failure.inputs],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(msgspec.to_builtins(written), indent=1) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Failure:
    """A file that `write` wrote; raises BadFile."""
    try:
        written = msgspec.json.decode(path.read_bytes(), type=_Written)
        inputs = [_data(each) for each in written.inputs]
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        raise BadFile(f"{path} is no file of the fuzzer ({error})") from error
    return Failure(target=written.target, seed=written.seed, inputs=inputs, what=written.what, where=written.where)


def _where(error: BaseException) -> str:
    """The deepest line of this project; a mistake inside a library belongs to whoever called it."""
    origin: BaseException | None = error
    found = "nowhere"
    while origin is not None:
        frames = [frame for frame in traceback.extract_tb(origin.__traceback__) if _is_ours(frame.filename)]
        if frames:
            found = f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}"
        origin = origin.__cause__
    return found


def _is_ours(file: str) -> bool:
    return file.startswith(f"{ROOT}/") and "/site-packages/" not in file and file != watching.__file__


def _written(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _data(written: dict[str, str]) -> bytes:
    return written["text"].encode() if "text" in written else base64.b64decode(written["base64"], validate=True)
