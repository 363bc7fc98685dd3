"""audiocraft's own classes with random weights: the contract here, and end to end through the protocol.

Run by `make test-audiocraft`, in audiocraft's environment.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from composer.adapter import Adapter
from composer.audiocraft import assembly, random_models
from composer.audiocraft.stepper import DESCRIPTION
from composer.musicgen import adapter_files
from composer.musicgen.assembly import Parts
from composer.musicgen.codec import LOOK_AHEAD_FRAMES, CodecStream
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.geometry import HOP, Manner
from composer.musicgen.steering import Directions
from composer.musicgen.stepper import WeightedText
from composer.musicgen.token_stream import TokenStream, rows_for
from composer.musicgen.windows import Windows
from composer.remote.client import RemoteComposer
from composer.remote.line import Remote

G = random_models.TINY
WINDOWS = Windows(60, 30)
SECOND = 48_000
QUARTER = SECOND // 4


def parts(manner: Manner | None = None, adapter: Path | None = None) -> Parts:
    torch.set_num_threads(1)
    codec = random_models.compression_model(G, filters=4, dimension=8)
    model = random_models.language_model(G)
    return assembly.parts_of(model, codec, "random", manner or Manner(), WINDOWS, adapter)


@pytest.fixture(scope="module")
def shared() -> Parts:
    return parts(Manner(top_k=20))


def begun(of: Parts, anchor: str = "warm piano jazz", seed: int = 3) -> MusicGenComposer:
    composer = MusicGenComposer(of)
    composer.prime(anchor, seed)
    return composer


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_greedy_the_loop_writes_what_audiocraft_generates(guidance: float) -> None:
    """Until the first window ends; audiocraft knows where a clip ends, and fills that with begin tokens."""
    manner = Manner(guidance=guidance, top_k=1)
    of, theirs = parts(manner), random_models.language_model(G)
    from audiocraft.modules.conditioners import ConditioningAttributes  # once the stand-in is there

    asked = ConditioningAttributes(text={DESCRIPTION: "warm piano"})
    codes = theirs.generate(None, [asked], max_gen_len=40, use_sampling=False, cfg_coef=guidance)
    stream = TokenStream(of.stepper, G, WINDOWS, manner, seed=0)
    memory = of.stepper.remember("warm piano", of.text.encode("warm piano"))
    stream.listen(0, [WeightedText(memory, 1.0)])
    ours: list[Any] = []
    while len(ours) < 36:
        if (frame := stream.step()) is not None:
            ours.append(frame)
    assert of.stepper.rows == rows_for(manner)
    assert np.array_equal(np.array(ours), codes[0].T[:36].numpy())
    assert len(np.unique(codes.numpy())) > 8


def test_its_codec_as_a_stream_is_the_whole() -> None:
    codec = random_models.compression_model(G, filters=4, dimension=8)
    stream = CodecStream(codec)
    codes = np.random.default_rng(0).integers(0, G.vocabulary, (40, G.codebooks))
    out = np.concatenate([stream.push(codes[at : at + 1]) for at in range(40)])
    with torch.no_grad():
        whole = codec.decode(torch.from_numpy(codes.T[None].copy()))[0, 0].numpy()
    assert len(out) >= (40 - LOOK_AHEAD_FRAMES) * HOP
    assert np.abs(whole).max() > 0.01
    assert np.abs(out - whole[: len(out)]).max() <= 1e-5


def test_it_goes_on_beyond_its_windows_and_is_resumed_to_the_bit(shared: Parts) -> None:
    composer = begun(shared)
    composer.steer(0.5, -0.5, 20_000)
    sound = composer.render(4 * SECOND)  # six windows
    assert np.isfinite(sound).all() and np.square(sound[SECOND:]).mean() > 1e-7
    state = composer.state()
    expected = composer.render(SECOND)
    successor = MusicGenComposer(shared)
    successor.restore(state)
    assert np.array_equal(successor.render(SECOND), expected)


def test_another_text_is_another_piece(shared: Parts) -> None:
    one, other = (begun(shared, text).render(SECOND) for text in ("warm piano jazz", "cold strings"))
    assert not np.array_equal(one, other)


def test_an_untrained_adapter_is_audiocrafts_model_exactly(tmp_path: Path) -> None:
    adapter = Adapter(adapter_files.SIZES, adapter_files.base_of(G))
    arrays = {name: value.numpy() for name, value in adapter.state_dict().items()}
    digest = assembly.digest_of(random_models.language_model(G))
    adapter_files.write(tmp_path, arrays, adapter.config, digest, {})
    sounds = []
    for of in (parts(), parts(adapter=tmp_path)):
        composer = begun(of)
        composer.steer(0.9, -0.8, 0)
        sounds.append(composer.render(SECOND))
    assert np.array_equal(sounds[0], sounds[1])


def test_affect_is_heard_through_the_residual(shared: Parts) -> None:
    rng = np.random.default_rng(0)
    valence, arousal = (3.0 * rng.standard_normal((G.shallow, G.width)).astype(np.float32) for _ in "va")
    steered = dataclasses.replace(
        shared, steering=Directions(valence, arousal, np.full(G.shallow, 99.0, np.float32))
    )
    sounds = []
    for side in (1.0, -1.0):
        composer = begun(steered)
        composer.steer(0.0, 0.0, 0)
        composer.steer(0.9 * side, 0.9 * side, SECOND)
        sounds.append(composer.render(3 * SECOND))
    changed = np.flatnonzero((sounds[0] != sounds[1]).any(axis=1))
    assert changed.size and changed[0] >= SECOND + MusicGenComposer.latency_samples


@pytest.fixture
def served() -> Iterator[int]:
    """The command, playing random weights on a port of its own."""
    command = [sys.executable, "-m", "composer.audiocraft", "--model", "random", "--port", "0"]
    root = Path(__file__).resolve().parents[2]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=root, env=one_thread, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "narrascore serve --composer ws://127.0.0.1:" in said
        try:
            yield int(said.rsplit(":", 1)[1])
        finally:
            process.terminate()


def test_through_the_protocol_it_plays_is_steered_and_resumed(served: int) -> None:
    remote = Remote(f"ws://127.0.0.1:{served}", ahead_samples=0)
    composer = RemoteComposer(remote)
    composer.prime("warm piano jazz", 3)
    composer.steer(0.4, 0.4, 10_000)
    first = composer.render(QUARTER)
    assert first.shape == (QUARTER, 2) and np.isfinite(first).all()
    assert "CC-BY-NC" in str(composer.now_playing()["licence"])
    state = composer.state()
    expected = composer.render(QUARTER)
    composer.close()
    successor = RemoteComposer(remote)
    successor.restore(state)
    assert np.array_equal(successor.render(QUARTER), expected)
    successor.close()
    here = begun(parts())
    here.steer(0.4, 0.4, 10_000)
    assert np.array_equal(here.render(QUARTER), first)
