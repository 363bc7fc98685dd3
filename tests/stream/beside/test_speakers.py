"""Sound on this machine, with a sound card played by the test."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.beside import speakers
from stream.beside.speakers import (
    FILL_BLOCKS,
    MAX_BLOCKS,
    Cushion,
    Device,
    Speakers,
    SpeakersError,
    find,
    outputs,
)
from stream.ports import Block
from stream.sound.egress import PlayedBlock
from tests.stream.fake_sound import FakeSound

BLOCK = 960


def sine(start: int, samples: int) -> Block:
    t = np.arange(start, start + samples)
    mono = 0.5 * np.sin(2 * np.pi * 200 * t / 48_000)
    return np.stack([mono, mono], axis=1).astype(np.float32)


def steepest(pcm: Block) -> float:
    return float(np.abs(np.diff(pcm[:, 0])).max()) if len(pcm) > 1 else 0.0


SLOPE = steepest(sine(0, 48_000))


def test_devices_that_play_are_listed_and_the_default_marked() -> None:
    assert outputs(FakeSound()) == [
        Device("Headset", 2, False),
        Device("Speakers (USB)", 2, True),
        Device("CABLE Input", 2, False),
    ]


def test_a_device_is_found_by_its_name_or_part_of_it() -> None:
    module = FakeSound(("CABLE Input", "CABLE Input 2", "Headset"))
    assert find(module, "cable input") == 1
    assert find(module, "input 2") == 2
    assert find(module, "") is None
    for name, words in (("cable", "2 devices"), ("tuba", "no such device"), ("Microphone", "no such device")):
        with pytest.raises(SpeakersError, match=words):
            find(module, name)


def test_what_leaves_the_session_reaches_the_card_unchanged() -> None:
    module = FakeSound()
    player = Speakers(module, 3)
    (stream,) = module.streams
    assert stream.state == "playing" and stream.choices["device"] == 3
    assert (stream.choices["samplerate"], stream.choices["channels"]) == (48_000, 2)
    assert not stream.pull(512).any()  # nothing in store yet
    heard = []
    for n in range(20):
        player.tap(PlayedBlock(sine(n * BLOCK, BLOCK), 0, n * BLOCK, 0.0))
        if n >= FILL_BLOCKS:
            heard.append(stream.pull(BLOCK))
    pcm = np.concatenate(heard)
    assert (pcm[240:] == sine(0, len(pcm))[240:]).all()
    player.close()
    assert stream.state == "closed"


def test_a_card_that_refuses_is_explained() -> None:
    with pytest.raises(SpeakersError, match="Device in use"):
        Speakers(FakeSound(refuses="Device in use"), None)


def test_a_card_slower_than_our_clock_drops_blocks_without_a_click() -> None:
    cushion, heard = Cushion(), []
    for n in range(400):
        cushion.push(sine(n * BLOCK, BLOCK))
        heard.append(cushion.pull(BLOCK - 20))
    assert cushion.dropped >= 4 and cushion.ran_dry == 0
    # Two stretches of a sine that do not fit, blended over 5 ms: never steeper than their sum.
    assert steepest(np.concatenate(heard)) < 3 * SLOPE


def test_a_card_faster_than_our_clock_rests_without_a_click() -> None:
    cushion, heard = Cushion(), []
    for n in range(400):
        cushion.push(sine(n * BLOCK, BLOCK))
        heard.append(cushion.pull(BLOCK + 20))
    pcm = np.concatenate(heard)
    assert cushion.ran_dry >= 2 and cushion.dropped == 0
    assert steepest(pcm) < 3 * SLOPE
    assert np.abs(pcm).max() <= 0.5 + 1e-6


def test_the_end_is_faded() -> None:
    cushion = Cushion()
    for n in range(FILL_BLOCKS + 1):
        cushion.push(sine(n * BLOCK, BLOCK))
    heard = [cushion.pull(256)]
    cushion.end()
    cushion.push(sine(0, BLOCK))
    heard += [cushion.pull(256) for _ in range(6)]
    assert steepest(np.concatenate(heard)) < 3 * SLOPE and not heard[-1].any()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3000)), max_size=60))
def test_any_rhythm_of_pushes_and_pulls_is_bounded_and_exact(moves: list[tuple[bool, int]]) -> None:
    cushion, pushed = Cushion(), 0
    for is_push, samples in moves:
        if is_push:
            cushion.push(sine(pushed, BLOCK))
            pushed += BLOCK
        else:
            out = cushion.pull(samples)
            assert out.shape == (samples, 2) and np.abs(out).max() <= 0.51
        assert len(cushion._store) <= MAX_BLOCKS * BLOCK


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (ModuleNotFoundError("No module named 'sounddevice'"), r"narrascore-live\[local\]"),
        (OSError("PortAudio library not found"), "apt install libportaudio2"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, words: str
) -> None:
    def refuse(name: str, *_: Any) -> Any:
        raise failure

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(speakers, "import_module", refuse)
    with pytest.raises(SpeakersError, match=words):
        speakers.sound_device()
