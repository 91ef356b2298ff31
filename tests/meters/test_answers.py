"""Only the answer to the open request passes; frames are written out by hand, CRCs are those of published examples."""

import pytest

from drivers.modbus.answers import Request, RtuAnswers, TcpAnswers
from hil.modbus_slave import crc16

# Read 1 input register of unit 1; the answer holds 0xFFFF (CRC B8 80, low byte first).
ASKED = Request(1, 4, 0x10, 1)
ANSWER = bytes.fromhex("01 04 02 FF FF B8 80")
REFUSAL = bytes.fromhex("01 84 02 C2 C1")


def rtu(request: Request = ASKED) -> RtuAnswers:
    answers = RtuAnswers(crc16)
    answers.expect(request)
    return answers


@pytest.mark.parametrize(
    ("frame", "crc"),
    [("01 04 02 FF FF", "B8 80"), ("01 03 00 00 00 0A", "C5 CD"), ("02 07", "41 12"), ("01 84 02", "C2 C1")],
)
def test_crc_of_published_frames(frame: str, crc: str) -> None:
    assert crc16(bytes.fromhex(frame)) == bytes.fromhex(crc)


@pytest.mark.parametrize("frame", [ANSWER, REFUSAL])
def test_the_answer_passes_whole_and_once(frame: bytes) -> None:
    answers = rtu()
    for length in range(len(frame)):
        assert answers.received(frame[:length]) == b""
    assert answers.received(frame) == frame
    assert answers.received(frame) == b"", "nobody asked for a second one"


@pytest.mark.parametrize(
    "before", [b"\x00", b"\xff\x00", bytes.fromhex("01 04 00 10 00 01 30 0F"), bytes.fromhex("01 04 02 12"), ANSWER[:4]]
)
def test_an_echo_or_a_glitch_before_the_answer_does_no_harm(before: bytes) -> None:
    assert rtu().received(before + ANSWER) == ANSWER


@pytest.mark.parametrize(
    "frame",
    [
        "01 04 02 FF FF B8 81",  # CRC
        "02 04 02 FF FF FC 80",  # unit (CRC irrelevant here)
        "01 03 02 FF FF B9 F4",  # function
        "01 04 04 FF FF FF FF FB C8",  # count
        "01 83 02 C0 F1",  # refusal of another function
    ],
)
def test_what_is_not_the_answer_stays_out(frame: str) -> None:
    answers = rtu()
    assert answers.received(bytes.fromhex(frame)) == b""
    assert answers.seen == bytes.fromhex(frame)


def test_nothing_passes_when_nothing_is_open() -> None:
    answers = rtu()
    answers.forget()
    assert answers.received(ANSWER) == b""


def tcp(transaction: int = 5) -> TcpAnswers:
    answers = TcpAnswers()
    answers.expect(ASKED)
    answers.sent(transaction.to_bytes(2) + bytes.fromhex("00 00 00 06 01 04 00 10 00 01"))
    return answers


TCP_ANSWER = bytes.fromhex("00 05 00 00 00 05 01 04 02 FF FF")


@pytest.mark.parametrize("frame", [TCP_ANSWER, bytes.fromhex("00 05 00 00 00 03 01 84 02")])
def test_the_tcp_answer_passes_whole_and_once(frame: bytes) -> None:
    answers = tcp()
    for length in range(len(frame)):
        assert answers.received(frame[:length]) == b""
    assert answers.received(frame) == frame
    assert answers.received(frame) == b""


def test_a_late_tcp_answer_is_passed_over() -> None:
    late = bytes.fromhex("00 04 00 00 00 05 01 04 02 12 34")
    answers = tcp()
    assert answers.received(late) == b""
    assert answers.received(late + TCP_ANSWER) == TCP_ANSWER


@pytest.mark.parametrize(
    "frame",
    [
        "00 05 00 01 00 05 01 04 02 FF FF",  # protocol
        "00 05 00 00 00 05 02 04 02 FF FF",  # unit
        "00 05 00 00 00 05 01 03 02 FF FF",  # function
        "00 05 00 00 00 07 01 04 04 FF FF FF FF",  # count
        "00 05 00 00 00 06 01 04 02 FF FF FF",  # a length that is not that of the count
    ],
)
def test_what_is_not_the_tcp_answer_stays_out(frame: str) -> None:
    assert tcp().received(bytes.fromhex(frame)) == b""
