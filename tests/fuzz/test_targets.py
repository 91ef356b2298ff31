"""A bounded number of cases at every place that takes something from outside; `script/fuzz` throws them without end."""

import contextlib
import random

import msgspec
import pytest
from msgspec import inspect as kinds

from chargepoint.messages import ACTIONS
from hil.fuzz import cases, documents
from hil.fuzz.cases import CASE_S
from hil.fuzz.target import Target
from hil.fuzz.targets import ALL, BY_NAME
from hil.fuzz.watch import Watch

SEED = 20_261
# As many as fit into about half a second each.
CASES = {"frames": 40, "control": 70, "settings": 130, "databases": 20, "meters": 60, "hardware": 80, "recordings": 100}


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_nothing_hostile_does_harm(target: Target) -> None:
    with Watch(CASE_S) as watch:
        for number in range(CASES[target.name]):
            seed = f"{SEED}.{number}"
            failure = cases.attempt(target, cases.make(target, seed), seed, watch)
            assert failure is None, f"{failure.words()}\n{failure.trace}"


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_a_case_depends_on_its_seed_alone(target: Target) -> None:
    made = [cases.make(target, str(number)) for number in range(4)]
    assert [cases.make(target, str(number)) for number in range(4)] == made
    assert len({tuple(case) for case in made}) > 1


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
@pytest.mark.parametrize("inputs", [[], [b""], [b"", b""], [b"\xff\xfe", b"\x00", b"{"]], ids=["none", "one", "two", "odd"])
def test_inputs_that_no_case_has_are_no_failure(target: Target, inputs: list[bytes]) -> None:
    """What a smaller case leaves of another one."""
    target.run(inputs)


def test_every_target_has_its_name() -> None:
    assert len(BY_NAME) == len(ALL)
    assert set(CASES) == set(BY_NAME)


@pytest.mark.parametrize("action", documents.CALLS)
def test_every_action_has_payloads_that_are_right(action: str) -> None:
    rng = random.Random(action)
    kind = ACTIONS[action].req
    made = [msgspec.json.encode(documents.of(rng, kinds.type_info(kind))) for _ in range(20)]
    taken = 0
    for payload in made:
        with contextlib.suppress(msgspec.ValidationError):  # a schedule without a beginning
            msgspec.json.decode(payload, type=kind)
            taken += 1
    assert taken > 9
