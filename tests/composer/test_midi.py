"""MIDI files, read back by another library: what was played, when, by whom, and at any moment complete."""

from __future__ import annotations

from pathlib import Path

import mido
import pytest

from composer.instruments import INSTRUMENTS
from composer.midi import MidiFile, midi_velocity
from composer.played import Begun, Sounded

SECOND = 48_000


class Read:
    """A file's notes as (start_s, end_s, channel, pitch, velocity), and everything else by kind."""

    def __init__(self, path: Path) -> None:
        file = mido.MidiFile(path)
        self.length_s = file.length
        self.messages = list(file)
        self.notes: list[tuple[float, float, int, int, int]] = []
        self.unmatched = 0
        at = 0.0
        on: dict[tuple[int, int], tuple[float, int]] = {}
        for message in self.messages:
            at += message.time
            if message.type == "note_on":
                assert (message.channel, message.note) not in on, "struck twice"
                on[message.channel, message.note] = (at, message.velocity)
            elif message.type == "note_off":
                start, velocity = on.pop((message.channel, message.note))
                self.notes.append((start, at, message.channel, message.note, velocity))
        self.unmatched = len(on)

    def of(self, kind: str) -> list[mido.Message]:
        return [message for message in self.messages if message.type == kind]


def beat(at: int, length: int, number: int = 0, bar_steps: int = 48, compound: bool = False) -> Begun:
    position = 12 * number % bar_steps
    return Begun(at, length, 12 * number // bar_steps, position, 12, bar_steps, compound)


def test_notes_are_where_they_were_played_through_every_bend_of_the_tempo(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    lengths = [20_000 + 317 * k for k in range(40)]
    starts, played, at = [], [], 0
    with MidiFile(path) as midi:
        for number, length in enumerate(lengths):
            midi.add(beat(at, length, number))
            starts.append(at)
            for share, pitch in ((0.0, 60), (0.37, 64), (0.81, 67)):
                on, off = at + int(share * length), at + int((share + 0.15) * length)
                midi.add(Sounded(on, "felt_piano@lead", pitch, 0.5))
                midi.add(Sounded(off, "felt_piano@lead", pitch, 0.0))
                played.append((on / SECOND, off / SECOND))
            at += length
        midi.close(at)
    read = Read(path)
    assert len(read.notes) == len(played) == 120 and not read.unmatched
    for (start, end, *_), (on_s, off_s) in zip(read.notes, played, strict=True):
        assert start == pytest.approx(on_s, abs=2e-3) and end == pytest.approx(off_s, abs=2e-3)
    assert read.length_s == pytest.approx(at / SECOND, abs=1e-3)
    assert len(read.of("set_tempo")) > 30


def test_a_steady_tempo_is_written_once_and_does_not_drift(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    length = 60.0 * SECOND / 97.3
    with MidiFile(path) as midi:
        for number in range(4000):
            at = int(number * length)
            midi.add(beat(at, int((number + 1) * length) - at, number))
        midi.close(int(4000 * length))
    read = Read(path)
    assert len(read.of("set_tempo")) < 200, "a change now and then: beats are whole samples"
    assert read.length_s == pytest.approx(4000 * length / SECOND, abs=6e-4)


def test_instruments_have_channels_and_programs_and_drums_have_the_tenth(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    with MidiFile(path, "a name") as midi:
        midi.add(beat(0, SECOND))
        for k, name in enumerate(("felt_piano@lead", "felt_piano@harmony", "cello@bass", "kick_soft@drums")):
            midi.add(Sounded(0, name, 36 + k, 0.5))
    read = Read(path)
    assert [n[2] for n in read.notes] == [0, 1, 2, 9]
    programs = {m.channel: m.program for m in read.of("program_change")}
    assert programs == {0: 0, 1: 0, 2: INSTRUMENTS["cello"].program}
    assert [m.name for m in read.of("instrument_name")][2] == "cello@bass"
    assert read.of("track_name")[0].name == "a name"


@pytest.mark.parametrize(
    ("steps", "compound", "signature"),
    [(48, False, (4, 4)), (36, False, (3, 4)), (36, True, (6, 8)), (18, True, (3, 8)), (54, True, (9, 8))],
)
def test_the_meter_is_written(tmp_path: Path, steps: int, compound: bool, signature: tuple[int, int]) -> None:
    path = tmp_path / "out.mid"
    with MidiFile(path) as midi:
        midi.add(beat(0, SECOND, bar_steps=steps, compound=compound))
        midi.close(SECOND)
    (meter,) = Read(path).of("time_signature")
    assert (meter.numerator, meter.denominator) == signature


def test_the_same_pitch_twice_on_a_channel_ends_when_the_last_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    with MidiFile(path) as midi:
        midi.add(beat(0, 4 * SECOND))
        for at, velocity in ((0, 0.5), (SECOND, 0.5), (2 * SECOND, 0.0), (3 * SECOND, 0.0)):
            midi.add(Sounded(at, "strings@harmony", 60, velocity))
    read = Read(path)
    assert [(round(n[0], 3), round(n[1], 3)) for n in read.notes] == [(0.0, 1.0), (1.0, 3.0)]


def test_more_instruments_than_channels_share_them_without_stuck_notes(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    names = [f"{name}@harmony" for name in list(INSTRUMENTS)[:20]]
    with MidiFile(path) as midi:
        midi.add(beat(0, SECOND))
        for k, name in enumerate(names):
            midi.add(Sounded(k * 2000, name, 60, 0.5))
    read = Read(path)
    assert len(read.notes) == 20 and not read.unmatched
    assert 9 not in {n[2] for n in read.notes}


def test_a_file_is_complete_after_every_flush_and_grows_on(tmp_path: Path) -> None:
    path = tmp_path / "out.mid"
    midi = MidiFile(path)
    for number in range(3):
        midi.add(beat(number * SECOND, SECOND, number))
        midi.add(Sounded(number * SECOND, "cello@bass", 40 + number, 0.5))
        midi.add(Sounded(number * SECOND + 100, "cello@bass", 40 + number, 0.0))
        midi.flush()
        assert len(Read(path).notes) == number + 1
    midi.close(3 * SECOND)
    midi.close()
    assert [n[3] for n in Read(path).notes] == [40, 41, 42]


def test_velocity_keeps_its_order_and_never_becomes_a_note_off() -> None:
    values = [midi_velocity(v) for v in (1e-6, 0.02, 0.1, 0.35, 1.0, 5.0)]
    assert values == sorted(values) and values[0] >= 1 and values[-1] == values[-2] == 127


def test_a_name_that_is_not_text_is_written_as_well_as_it_can_be(tmp_path: Path) -> None:
    MidiFile(tmp_path / "out.mid", "lo\udcfffi").close()
    assert mido.MidiFile(tmp_path / "out.mid").tracks[0].name == "lo?fi"
