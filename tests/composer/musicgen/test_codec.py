"""EnCodec as a stream, and the resampler behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr
import torch
from transformers import EncodecModel

from composer.errors import WeightsError
from composer.musicgen.codec import LOOK_AHEAD_FRAMES, CodecStream
from composer.musicgen.codec_thread import FRAMES_A_CALL, HELD_FRAMES, CodecThread
from composer.musicgen.geometry import HOP
from composer.musicgen.resampler import DELAY_SAMPLES, Upsampler
from tests.composer.musicgen import tiny_musicgen

FRAMES = 40


@pytest.fixture(scope="module")
def codec() -> Any:
    return tiny_musicgen.model().audio_encoder


@pytest.fixture(scope="module")
def codes() -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng(0).integers(0, tiny_musicgen.GEOMETRY.vocabulary, (FRAMES, 4))


def whole(codec: Any, codes: Any) -> Any:
    return codec.decode(torch.from_numpy(codes.T[None, None].copy()), [None]).audio_values[0, 0].numpy()


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_a_stream_is_the_whole(codec: Any, codes: Any, chunk: int) -> None:
    stream = CodecStream(codec)
    out = np.concatenate([stream.push(codes[at : at + chunk]) for at in range(0, FRAMES, chunk)])
    expected = whole(codec, codes)
    assert len(out) >= (FRAMES - LOOK_AHEAD_FRAMES) * HOP
    assert np.abs(expected).max() > 0.05
    assert np.abs(out - expected[: len(out)]).max() <= 1e-5


def test_it_looks_no_further_ahead_than_it_says(codec: Any, codes: Any) -> None:
    """The samples of frame f are there, unchangeable, once frame f + 4 was pushed, and not a frame before."""
    stream = CodecStream(codec)
    have = 0
    for frame in range(FRAMES):
        have += len(stream.push(codes[frame : frame + 1]))
        complete = have // HOP
        assert complete == max(0, frame + 1 - LOOK_AHEAD_FRAMES)


def test_a_stream_goes_on_from_what_it_saved(codec: Any, codes: Any) -> None:
    stream, other = CodecStream(codec), CodecStream(codec)
    stream.push(codes[:13])
    kept = stream.save()
    expected = stream.push(codes[13:])
    other.push(codes[20:33])  # whatever it was doing before
    other.load(kept)
    assert np.array_equal(other.push(codes[13:]), expected)
    other.begin()
    again = np.concatenate([other.push(codes[at : at + 1]) for at in range(FRAMES)])
    assert np.abs(again - whole(codec, codes)[: len(again)]).max() <= 1e-5


def test_on_its_own_thread_the_same_samples_come_a_fixed_number_of_exchanges_later(
    codec: Any, codes: Any
) -> None:
    plain, threaded = CodecStream(codec), CodecThread(CodecStream(codec))
    pushed = [plain.push(codes[at : at + FRAMES_A_CALL]) for at in range(0, FRAMES, FRAMES_A_CALL)]
    given = [threaded.exchange(frame) for frame in codes]
    silent = LOOK_AHEAD_FRAMES + HELD_FRAMES
    assert [len(samples) for samples in given] == [0] * silent + [HOP] * (FRAMES - silent)
    handed_out = np.concatenate(given)
    assert np.array_equal(handed_out, np.concatenate(pushed)[: len(handed_out)])


@pytest.mark.parametrize("cut", [*range(LOOK_AHEAD_FRAMES, LOOK_AHEAD_FRAMES + 4), 13, 14])
def test_a_thread_is_left_and_taken_up_with_frames_under_way(codec: Any, codes: Any, cut: int) -> None:
    threaded = CodecThread(CodecStream(codec))
    for frame in codes[:cut]:
        threaded.exchange(frame)
    kept = threaded.save()
    expected = [threaded.exchange(frame) for frame in codes[cut:]]
    threaded.load(kept)
    again = [threaded.exchange(frame) for frame in codes[cut:]]
    assert len(expected[-1]) == HOP
    assert all(np.array_equal(one, other) for one, other in zip(again, expected, strict=True))
    threaded.begin()
    assert len(threaded.exchange(codes[0])) == 0


def test_another_codec_is_refused() -> None:
    config = tiny_musicgen.codec_config()
    config.use_causal_conv = True
    with pytest.raises(WeightsError, match="32 kHz"):
        CodecStream(EncodecModel(config))


def test_the_upsampler_is_soxr_a_millisecond_later() -> None:
    t = np.arange(32_000) / 32_000
    sound = (0.4 * np.sin(2 * np.pi * 440 * t) + 0.3 * np.sin(2 * np.pi * 9_000 * t)).astype(np.float32)
    upsampler = Upsampler()
    ours = np.concatenate([upsampler.process(sound[at : at + HOP]) for at in range(0, len(sound), HOP)])
    theirs = soxr.resample(sound, 32_000, 48_000, "VHQ")
    middle = slice(2_000, 40_000)
    assert np.abs(ours[DELAY_SAMPLES:][middle] - theirs[middle]).max() < 5e-5


def test_no_image_is_heard_above_the_band() -> None:
    impulse = np.zeros(3_200, np.float32)
    impulse[1_600] = 1.0
    response = np.abs(np.fft.rfft(Upsampler().process(impulse))) / 1.5
    hz = np.fft.rfftfreq(4_800, 1 / 48_000)
    assert 20 * np.log10(response[hz > 17_000].max()) < -84
    assert np.abs(20 * np.log10(response[hz < 13_500])).max() < 0.1
