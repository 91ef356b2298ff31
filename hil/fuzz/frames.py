"""Target: frames of a Central System, thrown at the core in every state that it may be in."""

import json
import random
import re

from hil.fuzz import corpus, documents, mutation
from tests.core.hostility import OURS, Frame
from tests.core.sieges import STATES, attack

WAIT = re.compile(rb"[0-9]{1,2}(\.[0-9])?")
WAITS_S = (0.0, 0.0, 0.0, 0.3, 4.0, 31.0)
BY_NUMBER = {str(number).encode(): state for number, state in enumerate(STATES)}


class Frames:
    """Each CALL is answered once, or its link state is defined; the station goes on and tells its status. The first input names
    the state that it is in; each other is a wait in seconds, a letter (t: text, b: binary) and a frame.
    """

    name = "frames"

    def case(self, rng: random.Random) -> list[bytes]:
        inputs = [rng.choice(list(BY_NUMBER))]
        for _ in range(rng.randint(4, 16)):
            text = self._frame(rng)
            letter = b"b" if rng.random() < 0.1 else b"t"
            inputs.append(b"%g %b%b" % (rng.choice(WAITS_S), letter, text.encode("utf-8", "surrogatepass")))
        return inputs

    def run(self, inputs: list[bytes]) -> None:
        state = BY_NUMBER.get(inputs[0] if inputs else b"", STATES[0])
        thrown: list[tuple[Frame, float]] = []
        for item in inputs[1:]:
            wait, _, frame = item.partition(b" ")
            if WAIT.fullmatch(wait):
                body = frame[1:]
                thrown.append((body if frame[:1] == b"b" else body.decode("utf-8", "replace"), float(wait)))
        attack(state(), thrown)

    def _frame(self, rng: random.Random) -> str:
        harms = rng.choice((0, 1, 1, 2, 5))
        if rng.random() < 0.3:
            answer = [3, OURS, rng.choice(corpus.ANSWERS)] if rng.random() < 0.8 else [4, OURS, "GenericError", "", {}]
            return mutation.json_text(rng, answer, harms)
        action, payload = rng.choice(corpus.CALLS) if rng.random() < 0.6 else documents.call(rng)
        if rng.random() < 0.8:  # the envelope is right
            for _ in range(harms):
                payload = mutation.value_of(rng, payload)
            return json.dumps([2, "@new@", action, payload])
        return mutation.json_text(rng, [2, "@new@", action, payload], harms)
