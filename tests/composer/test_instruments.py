"""Rendered tones: in tune, band-limited, level, seamless."""

from __future__ import annotations

import numpy as np
import pytest

from composer.bank import nearest_zone
from composer.drumkit import DRUMS, TAKES
from composer.instruments import INSTRUMENTS, Patch, midi_hz
from composer.score import SAMPLE_RATE_HZ

every_patch = pytest.mark.parametrize("patch", INSTRUMENTS.values(), ids=INSTRUMENTS.keys())


@every_patch
def test_a_zone_is_level_band_limited_and_free_of_dc(patch: Patch) -> None:
    zone = patch.zone(patch.low + 16)
    assert zone.pcm.dtype == np.float32 and zone.pcm.shape[0] == 2
    assert np.abs(zone.pcm).max() < 1.0
    assert np.abs(zone.pcm.mean(axis=1)).max() < 1e-3
    power = np.abs(np.fft.rfft(zone.pcm[0].astype(np.float64))) ** 2
    hz = np.fft.rfftfreq(zone.pcm.shape[1], 1.0 / SAMPLE_RATE_HZ)
    assert power[hz > 18_000.0].sum() < 1e-4 * power.sum()


@every_patch
def test_a_zone_is_in_tune(patch: Patch) -> None:
    pitch = patch.low + 16
    zone = patch.zone(pitch)
    mono = zone.pcm.mean(axis=0).astype(np.float64)
    power = np.abs(np.fft.rfft(mono * np.hanning(mono.size))) ** 2
    hz = np.fft.rfftfreq(mono.size, 1.0 / SAMPLE_RATE_HZ)
    near = np.abs(hz / midi_hz(pitch) - 1.0) < 0.03
    found = float((hz[near] * power[near]).sum() / power[near].sum())
    assert abs(1200.0 * np.log2(found / midi_hz(pitch))) < 10.0
    assert abs(1200.0 * np.log2(zone.hz / midi_hz(pitch))) < 25.0, "the rate corrects what the loop rounds"


@pytest.mark.parametrize("name", [n for n, p in INSTRUMENTS.items() if p.loops])
def test_a_loop_has_no_seam(name: str) -> None:
    zone = INSTRUMENTS[name].zone(60)
    assert zone.loop
    around = np.concatenate([zone.pcm[:, -2000:], zone.pcm[:, :2000]], axis=1).astype(np.float64)
    bend = np.abs(np.diff(around, 2, axis=1)).max(axis=0)
    assert bend[1990:2010].max() <= 1.5 * np.delete(bend, np.s_[1990:2010]).max()


@pytest.mark.parametrize("name", [n for n, p in INSTRUMENTS.items() if not p.loops])
def test_a_struck_tone_begins_and_ends_at_silence(name: str) -> None:
    zone = INSTRUMENTS[name].zone(INSTRUMENTS[name].low + 12)
    assert not zone.loop
    assert np.abs(zone.pcm[:, 0]).max() < 1e-6 and np.abs(zone.pcm[:, -1]).max() < 1e-4


@every_patch
def test_rendering_is_deterministic(patch: Patch) -> None:
    pitch = patch.low + 5
    assert np.array_equal(patch.zone(pitch).pcm, patch.zone(pitch).pcm)


@every_patch
def test_every_pitch_finds_a_zone_nearby(patch: Patch) -> None:
    for pitch in range(12, 120):
        sounding, zone = nearest_zone(patch, pitch)
        assert patch.low <= sounding <= patch.high and (sounding - pitch) % 12 == 0
        assert abs(sounding - zone) <= patch.zone_step


@pytest.mark.parametrize("name", DRUMS)
def test_takes_of_a_drum_differ_and_end_in_silence(name: str) -> None:
    takes = [DRUMS[name].take(k) for k in range(TAKES)]
    assert all(not np.array_equal(takes[0], other) for other in takes[1:])
    for take in takes:
        assert take.shape[0] == 2 and np.abs(take).max() < 0.5
        assert np.abs(take[:, -1]).max() < 1e-3
    assert np.array_equal(takes[0], DRUMS[name].take(0))
