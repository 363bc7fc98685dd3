"""Which note is the first that differs: by what is played and when, not by how loud."""

from __future__ import annotations

from bench.latency import first_different_note
from composer.score import Strike


def strike(at: int, pitch: int = 60, velocity: float = 0.5, instrument: str = "violin@lead") -> Strike:
    return Strike(at, instrument, pitch, velocity, 4800)


PLAIN = (strike(0), strike(24_000, 62), strike(48_000, 64), strike(60_000, 36, 0.5, "kick@drums"))


def test_the_same_notes_played_louder_or_a_little_late_are_the_same() -> None:
    louder = tuple(s._replace(velocity=0.9, at_sample=s.at_sample + 500) for s in PLAIN)
    assert first_different_note(PLAIN, louder, 0) is None


def test_another_pitch_a_left_out_and_an_added_note_are_found() -> None:
    assert first_different_note(PLAIN, (*PLAIN[:2], strike(48_000, 65)), 0) == 48_000
    assert first_different_note(PLAIN, PLAIN[:1], 0) == 24_000
    assert first_different_note(PLAIN, (*PLAIN, strike(30_000, 70)), 0) == 30_000


def test_drums_and_what_was_before_do_not_count() -> None:
    assert first_different_note(PLAIN, PLAIN[:3], 0) is None
    assert first_different_note(PLAIN, PLAIN[1:], 10_000) is None
