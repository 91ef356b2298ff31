"""Hostile frames: what a broken or malicious Central System may send, and who owes an answer to it."""

import json
import re
from collections import Counter
from typing import Any

import hypothesis.strategies as st

from chargepoint.core import effects as fx
from chargepoint.core.keys import KEYS
from chargepoint.core.vault_records import failed
from chargepoint.messages import ACTIONS
from tests.core.harness import World
from tests.messages_documents import documents

OURS = "@ours@"  # stands for the id of the CALL that the station has open
Frame = str | bytes
HEAD = re.compile(r'\s*\[\s*[0-9]+\s*,\s*"([^"]*)"')
LINK_S = 40.0  # within which every answer must have come

CALLS = sorted(name for name, action in ACTIONS.items() if action.sender != "charge_point")

numbers = st.one_of(
    st.sampled_from([0, 1, 2, -1, 3, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.5, 1e300, -0.0]), st.integers()
)
words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "x" * 21, "y" * 600, "\x00", "\u202e", "\U0001d518", "CARD1", "card1", "NaN", "-1", "--5"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)

plausible = st.one_of(
    st.tuples(
        st.just("ChangeConfiguration"),
        st.fixed_dictionaries(
            {"key": st.sampled_from([key.name for key in KEYS]), "value": st.one_of(words, numbers.map(str))}
        ),
    ),
    st.tuples(
        st.just("RemoteStartTransaction"),
        st.fixed_dictionaries(
            {"idTag": st.sampled_from(["CARD1", "card1", "OTHER", ""])}, optional={"connectorId": st.sampled_from([1, 2, 3])}
        ),
    ),
    st.tuples(
        st.just("RemoteStopTransaction"), st.fixed_dictionaries({"transactionId": st.sampled_from([1001, 1002, 0, -1, 2**62])})
    ),
    st.tuples(st.just("UnlockConnector"), st.fixed_dictionaries({"connectorId": st.sampled_from([1, 2, 3])})),
    st.tuples(
        st.just("ChangeAvailability"),
        st.fixed_dictionaries(
            {"connectorId": st.sampled_from([0, 1, 2, 3]), "type": st.sampled_from(["Operative", "Inoperative"])}
        ),
    ),
    st.tuples(
        st.just("TriggerMessage"),
        st.fixed_dictionaries(
            {
                "requestedMessage": st.sampled_from(
                    [
                        "BootNotification",
                        "Heartbeat",
                        "MeterValues",
                        "StatusNotification",
                        "FirmwareStatusNotification",
                        "DiagnosticsStatusNotification",
                    ]
                )
            },
            optional={"connectorId": st.sampled_from([0, 1, 2, 3])},
        ),
    ),
    st.tuples(
        st.just("GetConfiguration"), st.fixed_dictionaries({"key": st.lists(words.map(lambda word: word[:50]), max_size=110)})
    ),
    st.tuples(st.just("Reset"), st.fixed_dictionaries({"type": st.sampled_from(["Soft", "Hard"])})),
    st.tuples(st.just("ClearCache"), st.just({})),
)
valid = st.sampled_from(CALLS).flatmap(lambda name: st.tuples(st.just(name), documents(name)))
ids = st.one_of(st.just("@new@"), st.just("@new@"), words, st.just(OURS))


@st.composite
def calls(draw: st.DrawFn) -> str:
    """A CALL whose envelope is right."""
    action, payload = draw(st.one_of(plausible, plausible, valid))
    return json.dumps([2, "@new@", action, payload])


@st.composite
def wrong_calls(draw: st.DrawFn) -> str:
    """A CALL that is wrong inside: another payload, a field changed, added or left out."""
    action, payload = draw(st.one_of(plausible, valid))
    match draw(st.integers(0, 3)):
        case 0:
            payload = draw(json_values)
        case 1 if payload:
            payload = {**payload, draw(st.sampled_from(sorted(payload))): draw(json_values)}
        case 2 if payload:
            gone = draw(st.sampled_from(sorted(payload)))
            payload = {name: value for name, value in payload.items() if name != gone}
        case _:
            payload = {**payload, draw(words): draw(json_values)}
    return json.dumps([2, draw(ids), draw(st.one_of(st.just(action), words)), payload])


@st.composite
def torn_frames(draw: st.DrawFn) -> Frame:
    """A CALL cut short, with a piece missing, doubled or replaced; as text or as bytes."""
    text = draw(calls())
    begin, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    middle = draw(st.one_of(st.just(""), st.just(text[begin:end] * 2), st.text(max_size=5), st.just("[" * 50)))
    torn = text[:begin] + middle + (text[end:] if draw(st.booleans()) else "")
    return torn.encode(errors="replace")[: draw(st.integers(0, 400))] if draw(st.booleans()) else torn


@st.composite
def answers(draw: st.DrawFn) -> str:
    """An answer to the station's own CALL, or to none, with anything in it."""
    likely: st.SearchStrategy[Any] = st.one_of(
        json_values,
        st.sampled_from(
            [
                {},
                {"idTagInfo": {"status": "Blocked"}, "transactionId": 2**62},
                {"idTagInfo": {"status": "Nonsense", "expiryDate": "never"}, "transactionId": "7"},
                {"status": "Accepted", "currentTime": "9999-12-31T23:59:59Z", "interval": 2**31 - 1},
                {"status": "Rejected", "currentTime": "2026-01-05T12:00:00Z", "interval": 3},
                {"status": "Pending", "currentTime": "0001-01-01T00:00:00+14:00", "interval": 0},
                {"currentTime": "1970-01-01T00:00:00Z"},
                {"currentTime": "2200-01-01T00:00:00Z"},
            ]
        ),
    )
    if draw(st.booleans()):
        return json.dumps([3, draw(st.sampled_from([OURS, OURS, "x"])), draw(likely)])
    return json.dumps(
        [4, draw(st.sampled_from([OURS, "x"])), draw(words), draw(words), draw(json_values)][: draw(st.integers(2, 5))]
    )


odd = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    json_values.map(json.dumps),
    st.tuples(st.one_of(st.integers(-1, 6), json_values), ids, words, json_values).map(json.dumps),
    st.integers(1, 3_000).map(lambda depth: "[" * depth),
    st.integers(1, 3_000).map(lambda depth: '[2,"@new@","DataTransfer",{"vendorId":"v","data":' + '{"a":' * depth),
    st.integers(1, 2_000).map(lambda depth: f'[2,"@new@","Reset",{"[" * depth}{"]" * depth}]'),
    st.integers(1, 4_500).map(lambda digits: f'[2,"@new@","UnlockConnector",{{"connectorId":{"9" * digits}}}]'),
    st.sampled_from(["1e999", "-1e999", "NaN", "Infinity", "1e-999", "0x1", "01", "1."]).map(
        lambda number: f'[2,"@new@","UnlockConnector",{{"connectorId":{number}}}]'
    ),
)
frames: st.SearchStrategy[Frame] = st.one_of(calls(), wrong_calls(), torn_frames(), answers(), odd)


requests = st.sampled_from(
    ["status", "present_card", "stop_session", "get_settings", "set_setting", "data_transfer", "replay_dead_letter", "dance"]
)
arguments = st.sampled_from(
    ["id_tag", "reader", "connector", "names", "name", "value", "vendor_id", "message_id", "data", "seq"]
)


class Besieged(World):
    """A World whose station may also answer ids that are too short or too long with a CALLERROR. Its vault takes nothing."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.vault = lambda request: failed(request, "the files are gone")

    def _sent(self, text: str) -> None:
        message = json.loads(text)
        if message[0] != 4 or is_id(message[1]):
            super()._sent(text)


class Attack:
    """Throws frames at a station and keeps account of the answers that it owes, and of those that it may give."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._count = 0
        self._owed: Counter[str] = Counter()
        self._allowed: Counter[str] = Counter()

    def throw(self, frame: Frame) -> None:
        """One frame; `settle` says later whether it was answered."""
        world = self.world
        self._count += 1
        ours = world.sent[-1].message_id if world.sent else "none"
        fresh = f"h{self._count}"
        if isinstance(frame, bytes):
            frame = frame.replace(b"@new@", fresh.encode()).replace(OURS.encode(), ours.encode())
        else:
            frame = frame.replace("@new@", fresh).replace(OURS, ours)
        if world.up and not world.exited:
            if world.control("status")[0]["registration"] != "Rejected":
                self._account(frame)
            world.receive(frame)

    def settle(self) -> None:
        """Every CALL with a readable id was answered once, unless the connection or the process ended, or it is rejected."""
        world = self.world
        world.advance(LINK_S)
        ended = world.exited is not None or not world.up
        texts = [effect.text for effect in world.effects if isinstance(effect, fx.SendFrame)]
        given = Counter(message[1] for message in map(json.loads, texts) if message[0] in (3, 4))
        for message_id, count in given.items():
            assert count <= self._allowed[message_id], f"{message_id!r} was answered {count} times"
        for message_id, count in self._owed.items():
            assert ended or given[message_id] >= count, f"{message_id!r} was answered {given[message_id]} times, not {count}"
        self._owed.clear()

    def _account(self, frame: Frame) -> None:
        """Notes whether the frame must be answered, or may be; the harness is told what to expect."""
        message = read(frame)
        if not isinstance(message, list) or len(message) < 2 or not isinstance(message[1], str):
            head = HEAD.match(frame.decode(errors="replace") if isinstance(frame, bytes) else frame)
            if head is not None:
                self._allowed[head[1]] += 1
                self.world.wire.answered(head[1])
            return
        kind, message_id = message[0], message[1]
        if type(kind) is int and kind in (3, 4):
            self.world.wire.answered(message_id)
            return
        self._allowed[message_id] += 1
        if type(kind) is not int or kind != 2 or not is_id(message_id):
            return
        self._owed[message_id] += 1
        if len(message) == 4 and isinstance(message[2], str) and message[2] in ACTIONS:
            self.world.wire.asked(message_id, message[2])


def is_id(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 36 and not re.search("[\ud800-\udfff]", value)


def read(frame: Frame) -> object:
    """What the frame says, if it is strictly JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        text = frame.decode() if isinstance(frame, bytes) else frame
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
