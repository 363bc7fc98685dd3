from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from stream.composing.losses import ComposerStatus
from stream.errors import Refused
from stream.process_cost import Spent
from stream.session import admission as admission_module
from stream.session.admission import Admission, Ticks, machine_ticks
from stream.session.load import DOWN_AFTER_S, UP_AFTER_S, Governor, Level, Sample, room_for_another

INF = float("inf")


def sample(t_s: float, **other: float) -> Sample:
    return Sample(t_s, 0.3, 0.001, 0, 0.0, INF)._replace(**other)  # type: ignore[arg-type]


def levels(governor: Governor, seconds: range, **other: float) -> list[int]:
    return [int(governor.note(sample(float(t), **other))) for t in seconds]


@pytest.mark.parametrize("strain", [{"cpu": 0.97}, {"late_s": 0.1}, {"backlog": 0.8}, {"buffer_s": 0.02}])
def test_strain_that_lasts_steps_down_one_thing_at_a_time(strain: dict[str, float]) -> None:
    governor = Governor()
    assert levels(governor, range(6), **strain) == [0, 0, 1, 1, 2, 2]
    assert UP_AFTER_S == 2.0


@pytest.mark.parametrize("strain", [{"cpu": 1.0}, {"late_s": 0.1}, {"cpu": 1.0, "late_s": 0.1}])
def test_a_busy_machine_alone_does_not_cost_the_reading_a_second(strain: dict[str, float]) -> None:
    """Key frames only, and for as long as the processor was busy, was what starved sessions."""
    governor = Governor()
    assert max(levels(governor, range(600), **strain)) == Level.FEWER_PICTURES


@pytest.mark.parametrize("strain", [{"backlog": 0.8}, {"buffer_s": 0.02}, {"late_s": 0.3}, {"underruns": 1}])
def test_music_wins_over_that_reading_and_gives_it_back(strain: dict[str, float]) -> None:
    governor = Governor()
    levels(governor, range(10), **strain)
    assert governor.level == Level.KEY_FRAMES
    # However busy the processor is: the music has what it needs.
    after = levels(governor, range(10, 600), cpu=0.97)
    assert after[:20] == [3] * 20 and set(after[21:]) == {2}


def test_music_that_suffers_from_every_picture_is_not_made_to_suffer_again_and_again() -> None:
    governor, changes, last = Governor(), 0, Level.ALL
    for t in range(1800):
        dire = governor.level < Level.KEY_FRAMES
        level = governor.note(sample(float(t), cpu=0.97, underruns=int(dire)))
        changes += level != last
        last = level
    assert changes < 30  # in half an hour


def test_a_moment_of_strain_changes_nothing_and_an_underrun_does_at_once() -> None:
    governor = Governor()
    for t in range(0, 40, 2):
        levels(governor, range(t, t + 1), cpu=1.0)
        assert levels(governor, range(t + 1, t + 2)) == [0]
    assert governor.note(sample(50.0, underruns=1)) == Level.FEWER_READINGS


def test_what_was_given_up_comes_back_after_a_long_calm_only() -> None:
    governor = Governor()
    levels(governor, range(5), cpu=1.0)
    assert governor.level == Level.FEWER_PICTURES
    # Between the bounds nothing moves, however long.
    assert set(levels(governor, range(5, 500), cpu=0.85)) == {2}
    back = levels(governor, range(500, 560))
    assert back[: int(DOWN_AFTER_S)] == [2] * 20 and back[25] == 1 and back[-1] == 0


def test_a_load_that_comes_back_whenever_we_do_is_not_followed_to_and_fro() -> None:
    """Each step down makes the machine busy again: the worst case for a governor."""
    governor, changes, last = Governor(), 0, Level.ALL
    for t in range(1800):
        level = governor.note(sample(float(t), cpu=1.0 if governor.level == Level.ALL else 0.5))
        changes += level != last
        last = level
    assert changes < 30  # in half an hour; with a patience that does not grow there is one every 11 s


def test_room_for_another() -> None:
    assert room_for_another(Level.KEY_FRAMES, 1.0, 0.1, 0), "the first is always let in"
    assert room_for_another(Level.ALL, 0.5, 0.4, 2) and not room_for_another(Level.ALL, 0.8, 0.4, 2)
    assert not room_for_another(Level.FEWER_READINGS, 0.1, 0.1, 1)
    assert room_for_another(Level.ALL, None, 0.0, 3), "where the load cannot be told, the limit alone holds"


def test_sessions_too_new_to_be_measured_count_as_expected() -> None:
    assert room_for_another(Level.ALL, 0.1, 0.0, 5, fresh=5, expected=0.125)
    assert not room_for_another(Level.ALL, 0.1, 0.0, 6, fresh=6, expected=0.125), "not all of a rush"
    assert room_for_another(Level.ALL, 0.4, 0.3, 3, fresh=1) and not room_for_another(
        Level.ALL, 0.6, 0.3, 6, fresh=3
    )


class Idle:
    """As much of a session as is measured."""

    egress = None
    composer_pid = None

    class peers:
        backlog = None

    def __init__(self, name: str) -> None:
        self.id = name


def test_what_takes_a_core_for_seconds_only_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    admission = Admission(Sensing(), 8.0, lambda: now_s[0])  # type: ignore[arg-type]
    load = [0.1]

    def measure_cpu(t_s: float, live: object) -> float:
        admission.cpu, admission.own_cpu = load[0], load[0] - 0.05
        return 0.0

    monkeypatch.setattr(admission, "_measure_cpu", measure_cpu)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    live = [Idle("a")]

    def seconds(count: int, cpu: float) -> bool:
        """Whether a second session is refused after so long at that load."""
        load[0] = cpu
        for _ in range(count):
            now_s[0] += 1.0
            admission.measure(live, 0.0)  # type: ignore[arg-type]
        return admission.refuses(1)

    assert not seconds(20, 0.1)
    assert not seconds(8, 0.9), "a composer that begins"
    assert seconds(8, 0.9), "but this lasts"
    assert not seconds(30, 0.3)


class Playing(Idle):
    """Music of `pid`'s, which is as it should be."""

    class egress:
        underruns = 0
        state = "playing"

    composer_status = ComposerStatus("playing", 0, "")
    buffer_ms = 140.0

    def __init__(self, name: str, pid: int) -> None:
        super().__init__(name)
        self.composer_pid = pid  # type: ignore[assignment]


class TwoCores:
    """A machine in virtual time, of which `service` and the others in `cores` take so much each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self._spent_s: dict[Any, float] = {}
        self.admission = Admission(Sensing(), 8.0, lambda: self.now_s)  # type: ignore[arg-type]
        self.governor = Governor()
        monkeypatch.setattr(admission_module, "machine_ticks", self._ticks)
        monkeypatch.setattr(admission_module, "spent", lambda pid: Spent(self._spent_s.get(pid, 0.0), 0.0))
        monkeypatch.setattr("time.process_time", lambda: self._spent_s.get("service", 0.0))
        monkeypatch.setattr("os.cpu_count", lambda: 2)

    def _ticks(self) -> Ticks:
        return Ticks(round(100 * sum(self._spent_s.values())), round(200 * self.now_s))

    def run(self, seconds: int, live: list[Idle], late_s: float = 0.0, **cores: float) -> list[bool]:
        """Whether one session more was refused, second by second. `p7` is process 7."""
        refused = []
        for _ in range(seconds):
            self.now_s += 1.0
            for name, share in cores.items():
                key = int(name[1:]) if name[0] == "p" else name
                self._spent_s[key] = self._spent_s.get(key, 0.0) + share
            sample = self.admission.measure(live, late_s)  # type: ignore[arg-type]
            self.admission.apply(self.governor.note(sample), [])
            refused.append(self.admission.refuses(len(live)))
        return refused


def test_who_comes_while_the_first_composer_begins_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both cores are taken for seconds: by a composer that makes its instruments."""
    machine = TwoCores(monkeypatch)
    first = Playing("a", 7)
    assert not any(machine.run(9, [first], service=0.9, p7=1.05))
    assert not any(machine.run(30, [first], service=0.2, p7=0.15))


def test_what_takes_seconds_only_refuses_nobody_although_the_service_has_just_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = TwoCores(monkeypatch)
    first = Playing("a", 7)
    assert not any(machine.run(8, [first], game=1.5, p7=0.2))
    assert machine.run(8, [first], game=1.5, p7=0.2)[-1], "but this lasts"


def test_what_lasts_longer_than_a_beginning_is_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = TwoCores(monkeypatch)
    assert machine.run(20, [Playing("a", 7)], service=0.9, p7=1.05)[-1]
    assert machine.admission.level > Level.ALL


@pytest.mark.parametrize("strain", [{"game": 1.0, "p7": 0.1}, {"late_s": 0.1, "p7": 1.05}])
def test_a_beginning_excuses_nobody_else(monkeypatch: pytest.MonkeyPatch, strain: dict[str, float]) -> None:
    machine = TwoCores(monkeypatch)
    assert machine.run(5, [Playing("a", 7)], service=0.9, **strain)[-1]


def test_music_that_begins_late_counts_as_a_beginning_and_as_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may be open for long before anybody sends a picture or listens."""
    machine = TwoCores(monkeypatch)
    machine.run(60, [Idle("a")], service=0.1)
    assert not any(machine.run(9, [Playing("a", 7)], service=0.9, p7=1.05))
    # Six that have just begun to play, of which nothing is in the load yet: no room for another.
    six = [Playing(name, pid) for pid, name in enumerate("abcdef")]
    machine = TwoCores(monkeypatch)
    machine.run(60, [Idle(each.id) for each in six], service=0.1)
    assert machine.run(1, [*six], service=0.1)[-1]


class GivenUp(Playing):
    composer_status = ComposerStatus("failed", 5, "it ended")


@pytest.mark.parametrize("idle", [Idle, partial(GivenUp, pid=0)])
def test_what_has_no_music_does_not_make_the_others_look_cheap(
    monkeypatch: pytest.MonkeyPatch, idle: Callable[[str], Idle]
) -> None:
    """One takes half a core. Beside it two pages have been open for a minute: half a core is kept for each of
    them, not the third of it that a session would take if all three played."""
    playing = Playing("a", 7)
    machine = TwoCores(monkeypatch)
    assert not machine.run(60, [playing], service=0.1, p7=0.4)[-1]
    machine = TwoCores(monkeypatch)
    assert machine.run(60, [playing, idle("b"), idle("c")], service=0.1, p7=0.4)[-1]


def test_a_page_that_was_let_in_begins_its_music_whenever_and_nobody_took_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = TwoCores(monkeypatch)
    one, page = Playing("a", 7), Idle("b")
    assert not machine.run(60, [one, page], service=0.1, p7=0.4)[-1], "one more fits beside both"
    both = [one, Playing("b", 8)]
    for seconds in (5, 55):
        assert not machine.run(seconds, [*both], service=0.2, p7=0.4, p8=0.4)[-1], "as before the music began"
    three = [*both, Playing("c", 9)]
    assert machine.run(60, [*three], service=0.3, p7=0.4, p8=0.4, p9=0.4)[-1]
    assert machine.admission.level == Level.ALL, "and all of it without strain"


def test_the_first_is_let_in_beside_nobody_and_a_few_pages_beside_one_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = TwoCores(monkeypatch)
    pages = [Idle(name) for name in "abcdef"]
    assert not machine.run(60, pages[:5], service=0.05)[-1]
    assert machine.run(60, pages, service=0.05, game=0.1)[-1], "all of them may begin"
    assert not machine.admission.refuses(0)


def test_the_machine_is_measured() -> None:
    ticks = machine_ticks()
    assert ticks is None or 0 < ticks.busy < ticks.all


class Sensing:
    readings_hz = 0.0
    room = True

    def carries(self, more: int) -> bool:
        return self.room

    def set_readings_hz(self, readings_hz: float) -> None:
        self.readings_hz = readings_hz


def test_a_busy_machine_refuses_with_a_time_to_come_back() -> None:
    admission = Admission(Sensing(), 8.0, time.monotonic)  # type: ignore[arg-type]
    admission.check(3)
    admission.apply(Level.FEWER_READINGS, [])
    admission.check(0)
    with pytest.raises(Refused) as caught:
        admission.check(1)
    assert caught.value.status == 503 and caught.value.retry_after_s


def test_a_session_that_could_not_be_read_once_a_second_is_refused() -> None:
    sensing = Sensing()
    admission = Admission(sensing, 8.0, time.monotonic)  # type: ignore[arg-type]
    sensing.room = False
    assert not admission.refuses(0), "the first is always let in"
    with pytest.raises(Refused) as caught:
        admission.check(1)
    assert caught.value.status == 503


def test_levels_set_how_often_pictures_are_read_and_never_raise_it() -> None:
    sensing = Sensing()
    for wanted_hz, expected in ((8.0, [2.0, 1.25, 1.25, 8.0]), (0.5, [0.5, 0.5, 0.5, 0.5])):
        admission, seen = Admission(sensing, wanted_hz, time.monotonic), []  # type: ignore[arg-type]
        for level in (Level.FEWER_READINGS, Level.FEWER_PICTURES, Level.KEY_FRAMES, Level.ALL):
            admission.apply(level, [])
            seen.append(sensing.readings_hz)
        assert seen == expected
