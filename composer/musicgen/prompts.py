"""What MusicGen is told: the anchor as a text, and how affect moves that text. Free of any framework."""

from __future__ import annotations

from composer.anchor import MAX_CHARACTERS, AnchorTextError, read_anchor
from composer.presets import PRESETS

VARIANTS = {
    "happy": "happy, uplifting, major key",
    "sad": "sad, dark, minor key",
    "energetic": "energetic, intense, driving",
    "calm": "calm, gentle, slow",
}
SHARE = 0.7
"""Of the attention's odds, what the variants get at full affect."""


def prompt_of(anchor: str) -> str:
    """The text for MusicGen: a preset's four fields, or the words as they are.

    Raises AnchorTextError (a ValueError) with a sentence for the user.
    """
    words = " ".join(anchor.split())
    if not words:
        raise AnchorTextError("The anchor is empty: name a preset or describe the music.")
    if len(words) > MAX_CHARACTERS:
        raise AnchorTextError(f"The anchor has {len(words)} characters; at most {MAX_CHARACTERS} are read.")
    if words.lower() not in PRESETS:
        return words
    preset = read_anchor(words)
    return ", ".join((preset.genre, preset.instrumentation, preset.atmosphere, preset.pacing))


def mixture(prompt: str, valence: float, arousal: float) -> tuple[tuple[str, float], ...]:
    """Texts and weights (sum 1) for a window under this affect. Neutral affect is the prompt alone."""
    said = (
        ("happy" if valence > 0 else "sad", abs(valence)),
        ("energetic" if arousal > 0 else "calm", abs(arousal)),
    )
    whole = sum(size for _, size in said)
    if whole < 1e-3:
        return ((prompt, 1.0),)
    share = SHARE * max(size for _, size in said)
    mixed = [(prompt, 1.0 - share)]
    mixed += [(f"{prompt}, {VARIANTS[name]}", share * size / whole) for name, size in said if size >= 1e-3]
    total = sum(weight for _, weight in mixed)
    return tuple((text, weight / total) for text, weight in mixed)
