"""What the page is told of the past: the newest frames, and what meters showed; bounded, and without secrets."""

from chargepoint.facts import Reading
from chargepoint.shell.redact import SHOWN_MAX
from chargepoint.shell.talk import Talk
from chargepoint.shell.traces import COARSE_MAX, FINE_MAX, Traces


def reading(power_w: float | None, energy_wh: float = 0.0) -> Reading:
    return Reading(energy_import_wh=energy_wh, power_w=power_w)


class TestTalk:
    def test_the_newest_frames_in_order(self) -> None:
        talk = Talk(frames_max=3)
        for number in range(5):
            talk.add("sent", f'[2,"{number}","Heartbeat",{{}}]')
        assert [frame["seq"] for frame in talk.newest(10)] == [3, 4, 5]
        assert [frame["seq"] for frame in talk.newest(1)] == [5]
        assert talk.newest(0) == []

    def test_secrets_are_blanked_when_somebody_looks(self) -> None:
        talk = Talk()
        talk.add("received", '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"5EC2E7"}]')
        assert "5EC2E7" not in str(talk.newest(5))

    def test_monsters_drive_nobody_out(self) -> None:
        talk = Talk()
        talk.add("sent", '[2,"1","Heartbeat",{}]')
        talk.add("received", "x" * 5_000_000)
        talk.add("received", b"\xff" * 5_000_000)
        told = talk.newest(5)
        assert len(told) == 3
        assert all(len(frame["text"]) < SHOWN_MAX + 100 for frame in told)


class TestTraces:
    def test_looks_by_their_age(self) -> None:
        traces = Traces()
        for second in range(10):
            traces.add(1, reading(1000.0 * second, second), 100.0 + second)
        assert traces.newest(1, 60, 100, 110.0)[-1] == [1.0, 9000.0, 9.0]
        assert len(traces.newest(1, 5, 100, 110.0)) == 5
        assert traces.newest(2, 60, 100, 110.0) == []

    def test_a_day_is_whole_and_bounded(self) -> None:
        traces = Traces()
        for second in range(2 * 86_400):
            traces.add(1, reading(float(second)), float(second))
        looks = traces.newest(1, 86_400, 600, 172_800.0)
        assert 300 <= len(looks) <= 600
        assert looks[-1] == [1.0, 172_799.0, 0.0]
        assert looks[0][0] > 85_000
        assert [age for age, *_ in looks] == sorted((age for age, *_ in looks), reverse=True)
        assert sum(len(ring._values) for ring in traces._rings[1]) == 3 * (FINE_MAX + COARSE_MAX)

    def test_a_meter_without_power_draws_nothing(self) -> None:
        traces = Traces()
        traces.add(1, reading(None), 1.0)
        assert traces.newest(1, 60, 100, 2.0) == []
