"""The table of affect: monotonic, bounded, and deaf to nonsense."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from composer.expression import clamped, playing, sound

AXIS = [k / 20.0 - 1.0 for k in range(41)]
anything = st.floats(allow_nan=True, allow_infinity=True)


def test_sound_follows_arousal_one_way() -> None:
    for valence in (-1.0, 0.0, 1.0):
        heard = [sound(valence, a) for a in AXIS]
        for rising in ("gain_db", "cutoff_octaves", "air", "vibrato_cents", "vibrato_hz"):
            values = [getattr(s, rising) for s in heard]
            assert values == sorted(values) and values[0] < values[-1], rising
        reverb = [s.reverb_scale for s in heard]
        assert reverb == sorted(reverb, reverse=True)


def test_negative_valence_is_darker_more_detuned_and_narrower() -> None:
    low, high = sound(-0.8, 0.0), sound(0.8, 0.0)
    assert low.cutoff_octaves < high.cutoff_octaves
    assert low.chorus_scale > high.chorus_scale
    assert low.width_scale < high.width_scale
    assert low.reverb_scale > high.reverb_scale


def test_playing_follows_arousal_one_way() -> None:
    heard = [playing(0.0, a) for a in AXIS]
    assert [p.loudness_db for p in heard] == sorted(p.loudness_db for p in heard)
    assert [p.accent_db for p in heard] == sorted(p.accent_db for p in heard)
    articulation = [p.articulation for p in heard]
    assert articulation == sorted(articulation, reverse=True)
    assert all(p.bass_db + p.loudness_db <= q.bass_db + q.loudness_db for p, q in pairwise(heard))


def test_the_drone_belongs_to_negative_valence() -> None:
    levels = [playing(v, 0.0).drone for v in AXIS]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 1.0 and not any(playing(v, 0.0).drone for v in AXIS if v >= -0.2)


@given(anything, anything)
def test_any_two_numbers_give_sane_expression(valence: float, arousal: float) -> None:
    heard, played = sound(valence, arousal), playing(valence, arousal)
    assert all(math.isfinite(x) for x in (heard.gain_db, heard.cutoff_octaves, heard.reverb_scale, heard.air))
    assert heard.air >= 0.0 and heard.vibrato_cents >= 0.0
    assert 0.4 < played.articulation < 1.4 and 0.0 <= played.drone <= 1.0
    assert -1.0 <= clamped(valence) <= 1.0
