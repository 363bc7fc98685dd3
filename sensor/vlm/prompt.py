"""What the model is told: the semantic primer, the clock before each frame, and the questions.

The paper's primer (3.3) steers attention from naming objects to reading narrative tension; the wording here
is ours. Changing it changes the hidden states, so a probe remembers the text it was trained under
(`digest`).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

PRIMER = (
    "You are a film composer watching a scene unfold. Do not name objects or people. Feel the narrative "
    "tension instead: how safe or threatening, hopeful or hopeless the moment is, how calm or agitated, and "
    "where the story is going. Frames follow, each after its time."
)
"""The semantic primer."""


class Axis(NamedTuple):
    """One question of the rating: what is asked, and how the answer is begun for the model."""

    question: str
    opening: str


SCALES = (
    Axis(
        "On a scale from 1 to 9, how pleasant does this moment feel? 1 is very unpleasant, 5 is neutral, "
        "9 is very pleasant. Answer with one digit.",
        "Pleasantness:",
    ),
    Axis(
        "On a scale from 1 to 9, how intense does this moment feel? 1 is calm or sleepy, 5 is neutral, 9 is "
        "very excited or agitated. Answer with one digit.",
        "Intensity:",
    ),
)
"""Valence and arousal, as SAM scales put them (Bradley & Lang 1994)."""

FIELDS = ("Genre", "Instrumentation", "Atmosphere", "Pacing")
"""The anchor's schema (3.4): style, instruments and timbre, emotional atmosphere, rhythmic pacing."""

DESCRIBE = (
    "Write the brief for the background music of this whole scene. Use words of music and mood only; never "
    "name what is seen. Four lines of three to eight words, separated by commas:\n"
    "Genre: style and context\nInstrumentation: instruments and timbre\n"
    "Atmosphere: emotional mood\nPacing: tempo and rhythm"
)


def clock(t_s: float) -> str:
    """The textual clock in front of a frame, `t_s` seconds into its window."""
    return f"\nTime: {t_s:.1f} s\n"


def digest() -> str:
    """Names the wording that hidden states depend on."""
    return hashlib.sha256(f"{PRIMER}{clock(1.0)}".encode()).hexdigest()
