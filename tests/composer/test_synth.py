"""The synthesiser: same strikes, same samples; affect at once; no click, no overload, no growth."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import signalflow as sf

from composer import bank, relay
from composer.drumkit import DRUMS
from composer.instruments import INSTRUMENTS
from composer.presets import PRESETS, Preset
from composer.rack import VOICES
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Strike
from composer.synth import Synth, SynthError, stock
from tests.composer.scripted import render

pytestmark = pytest.mark.usefixtures("tones_kept")

Pcm = npt.NDArray[np.float32]
SECOND = SAMPLE_RATE_HZ // TICK_SAMPLES
every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


@pytest.fixture
def synth() -> Iterator[Synth]:
    made = Synth(PRESETS["neoclassical"], seed=1, warm=False)
    made.express(0.0, 0.0)
    yield made
    made.close()


def ticks(synth: Synth, count: int) -> Pcm:
    return np.concatenate([synth.render_tick() for _ in range(count)])


def bend(pcm: Pcm) -> npt.NDArray[np.float64]:
    """Second difference, per sample: a click stands out of it as a spike."""
    second: npt.NDArray[np.float64] = np.abs(np.diff(pcm.astype(np.float64), 2, axis=0)).max(axis=1)
    return second


def loudness(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def brightness_hz(pcm: Pcm) -> float:
    """Spectral centroid of the magnitudes, over frames of 4096."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm.mean(axis=1), 4096)[::2048]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(4096), axis=1)).sum(axis=0)
    return float((np.fft.rfftfreq(4096, 1.0 / SAMPLE_RATE_HZ) * magnitude).sum() / magnitude.sum())


@every_preset
def test_same_seed_same_samples(preset: Preset) -> None:
    first = render(preset, 0.3, 0.5, 2 * SECOND)
    assert np.array_equal(first, render(preset, 0.3, 0.5, 2 * SECOND))
    assert loudness(first) > 0.01, "there must be something to compare"


def test_rendering_ahead_changes_no_sample() -> None:
    strike = Strike(960, "felt_piano@lead", 67, 0.5, 24_000)
    heard = []
    for warm in (False, True):
        made = Synth(PRESETS["neoclassical"], seed=1, warm=warm)
        made.schedule([strike])
        heard.append(ticks(made, 60))
        made.close()
    assert np.array_equal(heard[0], heard[1])


def test_what_was_made_before_the_graph_sounds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    for stocked in (False, True):
        monkeypatch.setattr(bank, "_stock", {})
        monkeypatch.setattr(bank, "_stock_takes", {})
        if stocked:
            stock(PRESETS["lofi"])
        made = Synth(PRESETS["lofi"], seed=1, warm=False)
        made.express(0.2, 0.3)
        made.schedule(Strike(0, name, 60, 0.6, 24_000) for name in ("e_piano@harmony", "kick_soft@drums"))
        heard.append(ticks(made, 60))
        made.close()
    assert np.array_equal(heard[0], heard[1]) and loudness(heard[0]) > 0.01


def test_nodes_hold_one_tick(synth: Synth) -> None:
    assert sf.Constant(0.0).output_buffer_length == TICK_SAMPLES


def test_blocks_are_float32_stereo_ticks(synth: Synth) -> None:
    block = synth.render_tick()
    assert block.shape == (TICK_SAMPLES, 2) and block.dtype == np.float32
    assert synth.now == TICK_SAMPLES


def test_silence_stays_silent(synth: Synth) -> None:
    assert np.abs(ticks(synth, 300)).max() < 1e-9


def test_a_note_starts_where_it_should(synth: Synth) -> None:
    synth.schedule([Strike(10 * TICK_SAMPLES + 200, "marimba@lead", 72, 0.8, 12_000)])
    heard = np.nonzero(np.abs(ticks(synth, 30)).max(axis=1) > 1e-4)[0]
    assert 0 <= heard[0] - (10 * TICK_SAMPLES + 200 + Synth.latency_samples) < 96 + 30


def test_affect_is_heard_within_one_tick(synth: Synth) -> None:
    strikes = [Strike(k * 4800, "strings@harmony", 55 + k, 0.5, 96_000) for k in range(4)]
    heard = []
    for steered in (False, True):
        made = synth if not steered else Synth(PRESETS["neoclassical"], seed=1, warm=False)
        made.express(0.0, 0.0)
        made.schedule(strikes)
        before = ticks(made, 100)
        if steered:
            made.express(0.0, 0.8)
        heard.append(np.concatenate([before, ticks(made, 60)]))
        made.close()
    differs = np.nonzero(np.any(heard[0] != heard[1], axis=1))[0]
    assert 100 * TICK_SAMPLES <= differs[0] < 101 * TICK_SAMPLES
    late = slice(130 * TICK_SAMPLES, None)
    assert loudness(heard[1][late]) > 1.15 * loudness(heard[0][late])
    going = slice(99 * TICK_SAMPLES, late.start)
    assert bend(heard[1][going]).max() < 1.2 * bend(heard[1][late]).max()


@every_preset
def test_louder_and_brighter_with_arousal_on_the_same_notes(preset: Preset) -> None:
    levels, centroids = [], []
    for arousal in (-0.9, -0.3, 0.3, 0.9):
        pcm = render(preset, 0.2, arousal, 4 * SECOND)[SAMPLE_RATE_HZ:]
        levels.append(loudness(pcm))
        centroids.append(brightness_hz(pcm))
    assert levels == sorted(levels)
    assert centroids == sorted(centroids)


def test_darker_with_negative_valence(synth: Synth) -> None:
    heard = []
    for valence in (-0.9, 0.9):
        synth.express(valence, 0.0)
        ticks(synth, 200)
        synth.schedule([Strike(synth.now, "strings@harmony", 60 + k, 0.5, 48_000) for k in (0, 4, 7)])
        heard.append(brightness_hz(ticks(synth, 150)))
    assert heard[0] < 0.9 * heard[1]


@pytest.mark.parametrize("arousal", [0.0, 1.0])
def test_never_over_full_scale_with_every_voice_at_full_velocity(arousal: float) -> None:
    made = Synth(PRESETS["cinematic"], seed=1, warm=False)
    made.express(1.0, arousal)
    try:
        for name, section in (("saw_lead", "lead"), ("strings", "harmony"), ("synth_bass", "bass")):
            made.schedule(
                Strike(k * 480, f"{name}@{section}", 40 + 2 * k, 1.0, 96_000)
                for k in range(VOICES[section] + 6)
            )
        made.schedule(Strike(k * 960, f"{name}@drums", 36, 1.0, 9_600) for k, name in enumerate(DRUMS))
        pcm = ticks(made, 120)
    finally:
        made.close()
    assert np.abs(pcm).max() <= 10.0 ** (-1.0 / 20.0)
    assert loudness(pcm) > 0.05


def test_stealing_a_voice_does_not_click(synth: Synth) -> None:
    # A low, smooth tone: any step would tower over its bend.
    count = VOICES["bass"]
    synth.schedule([Strike(0, "sub_bass@bass", 40 + 3 * k, 0.5, 10 * SAMPLE_RATE_HZ) for k in range(count)])
    calm = bend(ticks(synth, 150)[48_000:]).max()
    at = synth.now
    assert synth.sounding == count
    synth.schedule([Strike(at + 777 * k, "sub_bass@bass", 41 + 3 * k, 0.5, 96_000) for k in range(count)])
    stolen = ticks(synth, 60)
    assert synth.sounding == count
    # The fade itself bends the tone (its slope starts at once); a click would be a hundred times that.
    step = np.abs(np.diff(stolen.astype(np.float64), axis=0)).max()
    assert step < 0.01
    assert bend(stolen).max() < max(4.0 * calm, 1e-3)


def test_a_note_let_go_of_ends_unheard_and_is_soon_free(synth: Synth) -> None:
    release_s = INSTRUMENTS["sub_bass"].envelope.release_s
    synth.schedule([Strike(0, "sub_bass@bass", 40, 0.5, SAMPLE_RATE_HZ)])
    held = ticks(synth, SECOND)[24_000:]
    parts = [ticks(synth, round(release_s * SECOND)) for _ in range(4)]
    assert synth.sounding == 1
    parts.append(ticks(synth, round(release_s * SECOND)))
    assert synth.sounding == 0
    # It never sounds louder again, and never jumps: not where it falls faster, not where it is cut off.
    levels = [loudness(part) for part in parts]
    assert levels == sorted(levels, reverse=True)
    assert bend(np.concatenate(parts)).max() < 2.0 * bend(held).max()
    assert bend(np.concatenate(parts[3:])).max() < bend(held).max()


def test_a_stolen_note_is_played(synth: Synth) -> None:
    count = VOICES["bass"]
    synth.schedule([Strike(0, "sub_bass@bass", 36 + k, 0.2, 10 * SAMPLE_RATE_HZ) for k in range(count)])
    ticks(synth, 50)
    synth.schedule([Strike(synth.now, "sub_bass@bass", 55, 1.0, 96_000)])
    pcm = ticks(synth, 100)[24_000:].mean(axis=1)
    power = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
    hz = np.fft.rfftfreq(pcm.size, 1.0 / SAMPLE_RATE_HZ)
    assert power[np.abs(hz - 196.0) < 4.0].max() > power[np.abs(hz - 220.0) < 4.0].max() * 10


def test_changing_the_preset_does_not_click_and_lets_notes_ring(synth: Synth) -> None:
    synth.schedule([Strike(0, "sub_bass@bass", 45 + k, 0.5, 10 * SAMPLE_RATE_HZ) for k in (0, 7)])
    calm = ticks(synth, 150)[48_000:]
    synth.change(PRESETS["ambient"])
    moving = ticks(synth, 400)
    assert bend(moving).max() < 3.0 * bend(calm).max()
    assert synth.sounding == 2 and loudness(moving[-4800:]) > 0.1 * loudness(calm)


def test_after_a_change_it_sounds_like_the_new_preset() -> None:
    made = Synth(PRESETS["neoclassical"], seed=1, warm=False)
    made.express(0.0, 0.0)
    ticks(made, 10)
    made.change(PRESETS["lofi"])
    ticks(made, 400)
    strikes = [("e_piano@harmony", 60), ("e_piano@harmony", 67), ("round_bass@bass", 36)]
    made.schedule([Strike(made.now, name, pitch, 0.6, 24_000) for name, pitch in strikes])
    changed = ticks(made, 60)
    made.close()
    fresh = Synth(PRESETS["lofi"], seed=1, start_sample=10 * TICK_SAMPLES, warm=False)
    fresh.express(0.0, 0.0)
    ticks(fresh, 400)
    fresh.schedule([Strike(fresh.now, name, pitch, 0.6, 24_000) for name, pitch in strikes])
    expected = ticks(fresh, 60)
    fresh.close()
    assert np.array_equal(changed, expected) and loudness(expected) > 0.01


def test_every_instrument_can_be_heard(synth: Synth) -> None:
    for name in [*INSTRUMENTS, *DRUMS]:
        section = "drums" if name in DRUMS else "lead"
        synth.schedule([Strike(synth.now, f"{name}@{section}", 60, 0.8, 12_000)])
        assert loudness(ticks(synth, 40)) > 3e-4, name
        ticks(synth, 20)


def test_an_unknown_instrument_is_refused(synth: Synth) -> None:
    for name in ("kazoo@lead", "felt_piano@attic", "felt_piano"):
        with pytest.raises(SynthError, match="patch@section"):
            synth.schedule([Strike(0, name, 60, 0.5, 4800)])


def test_affect_out_of_range_is_clamped(synth: Synth) -> None:
    synth.schedule([Strike(0, "strings@harmony", 60, 1.0, 48_000)])
    for valence, arousal in ((9.0, 9.0), (float("nan"), float("inf")), (-9.0, float("-inf"))):
        synth.express(valence, arousal)
        pcm = ticks(synth, 20)
        assert np.isfinite(pcm).all() and np.abs(pcm).max() < 1.0


def test_close_twice_and_start_another() -> None:
    for _ in range(2):
        made = Synth(PRESETS["jazz"], seed=1)
        made.render_tick()
        made.close()
        made.close()


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux only")
def test_memory_stays_flat_however_many_notes_are_played(
    synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LEG_TICKS", 2 * SECOND)
    monkeypatch.setattr(relay, "_LONGEST_TICKS", 3 * SECOND)

    def play(seconds: int) -> None:
        for k in range(seconds):
            base = synth.now
            synth.bar()
            synth.schedule(
                Strike(base + 600 * j, "felt_piano@harmony", 48 + (7 * j + k) % 24, 0.4, 2_400)
                for j in range(80)
            )
            ticks(synth, SECOND)

    play(12)  # every zone in use is rendered by now, and racks have come and gone
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    play(20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_closed_synthesiser_leaves_nothing_behind() -> None:
    def once() -> None:
        made = Synth(PRESETS["lofi"], seed=1, warm=False)
        ticks(made, 5)
        made.close()
        del made
        gc.collect()

    once()
    before = resident_mib()
    for _ in range(4):
        once()
    assert resident_mib() - before < 30.0, "each holds about as much: a composer that is listened to leaks"
