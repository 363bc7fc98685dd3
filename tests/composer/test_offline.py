"""Files from an anchor and a curve: the live engine's samples, reproducible, with and without extras."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest

from composer.affect_curve import AffectCurve, Point, constant
from composer.errors import AnchorError
from composer.offline import Part, compose
from composer.played import Begun, Listener, Sounded
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES
from composer.symbolic import SymbolicComposer
from tests.composer import tiny

pytestmark = pytest.mark.usefixtures("tones_kept")

WANDER = AffectCurve((Point(0.0, 0.5, -0.5), Point(2.0, -0.8, 0.9), Point(3.0, 0.1, 0.1)), cuts_s=(1.3,))
SECONDS = 3
SAMPLES = SECONDS * SAMPLE_RATE_HZ + 123


def play(
    curve: AffectCurve = WANDER,
    anchor: str = "cinematic",
    samples: int = SAMPLES,
    stems: bool = False,
    played: Listener | None = None,
    fade_s: float = 0.0,
) -> list[Part]:
    with closing(
        compose(anchor, 3, curve, samples, stems=stems, played=played, fade_s=fade_s, player=tiny.player())
    ) as parts:
        return list(parts)


def pcm(parts: list[Part]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.concatenate([part.pcm for part in parts])


def test_it_is_the_live_composers_sound_less_the_limiters_delay() -> None:
    live = SymbolicComposer(*tiny.player())
    live.prime("cinematic", 3)
    for sample in range(0, SAMPLES + 2 * TICK_SAMPLES, TICK_SAMPLES):
        live.steer(*WANDER.at(sample / SAMPLE_RATE_HZ), sample)
    live.accent(round(1.3 * SAMPLE_RATE_HZ))
    heard = live.render(SAMPLES + live.latency_samples)[live.latency_samples :]
    live.close()
    made = pcm(play())
    assert made.shape == (SAMPLES, 2) and made.dtype == np.float32
    assert np.array_equal(made, heard) and np.abs(made).max() > 0.01


def test_asking_for_stems_and_notes_changes_no_sample() -> None:
    events: list[Begun | Sounded] = []
    plain, asked = play(), play(stems=True, played=events.append)
    assert np.array_equal(pcm(plain), pcm(asked))
    assert events and all(part.stems is None for part in plain)
    for part in asked:
        assert part.stems is not None and part.stems.shape == (4, len(part.pcm), 2)


def test_what_is_told_is_in_order_and_every_note_ends() -> None:
    events: list[Begun | Sounded] = []
    play(samples=8 * SAMPLE_RATE_HZ, played=events.append)
    beats = [event for event in events if isinstance(event, Begun)]
    notes = [event for event in events if isinstance(event, Sounded)]
    assert beats[0].at_sample == 0
    for one, other in pairwise(beats):
        assert one.at_sample + one.length_samples == other.at_sample
    assert [note.at_sample for note in notes] == sorted(note.at_sample for note in notes)
    sounding: dict[tuple[str, int], int] = {}
    for note in notes:
        key = note.instrument, note.pitch
        sounding[key] = sounding.get(key, 0) + (1 if note.velocity else -1)
        assert sounding[key] >= 0, "a note ended that had not begun"
    assert sum(sounding.values()) < 20 < len(notes)


def test_a_note_is_told_where_it_is_heard() -> None:
    events: list[Begun | Sounded] = []
    parts = play(constant(0.0, 0.9), "neoclassical", played=events.append)
    first = next(event for event in events if isinstance(event, Sounded))
    heard = np.flatnonzero(np.abs(pcm(parts)).max(axis=1) > 1e-4)[0]
    assert 0 <= heard - first.at_sample < 200


def test_a_cut_marks_the_next_beat() -> None:
    def drums(curve: AffectCurve) -> set[int]:
        events: list[Begun | Sounded] = []
        play(curve, "neoclassical", played=events.append)
        return {e.at_sample for e in events if isinstance(e, Sounded) and e.instrument.endswith("@drums")}

    still = constant(0.0, 0.0)
    (struck,) = {s for s in drums(AffectCurve(still.points, cuts_s=(1.3,))) if s < 4 * SAMPLE_RATE_HZ}
    assert not drums(still)
    assert 1.3 * SAMPLE_RATE_HZ <= struck < 3.0 * SAMPLE_RATE_HZ


def test_the_end_fades_and_nothing_else() -> None:
    plain, faded = pcm(play()), pcm(play(fade_s=0.5))
    fade = SAMPLE_RATE_HZ // 2
    assert np.array_equal(plain[:-fade], faded[:-fade])
    assert np.abs(faded[-48:]).max() < 1e-3
    assert np.all(np.abs(faded) <= np.abs(plain))


def test_a_piece_shorter_than_a_part_has_its_length() -> None:
    assert [part.pcm.shape for part in play(samples=100)] == [(100, 2)]


@pytest.mark.parametrize("anchor", ["", "x" * 10_000])
def test_a_bad_anchor_is_refused_and_frees_the_synthesiser(anchor: str) -> None:
    with pytest.raises(AnchorError):
        play(anchor=anchor)
    assert play(samples=100)
