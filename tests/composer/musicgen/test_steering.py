"""Affect as residuals, and as text."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from composer.adapter import Adapter
from composer.errors import WeightsError
from composer.musicgen import adapter_files
from composer.musicgen.assembly import Parts, assemble
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.guard import LOUD_FRAMES, SILENT_FRAMES, Guard
from composer.musicgen.loading import Options, find
from composer.musicgen.prompts import mixture, prompt_of
from composer.musicgen.steering import Directions
from composer.presets import PRESETS
from tests.composer.musicgen import tiny_musicgen
from tests.composer.musicgen.conftest import compiled

G = tiny_musicgen.GEOMETRY


def untrained(folder: Path, out: Path) -> Path:
    adapter = Adapter(adapter_files.SIZES, adapter_files.base_of(G))
    arrays = {name: value.numpy() for name, value in adapter.state_dict().items()}
    adapter_files.write(out, arrays, adapter.config, find(Options(str(folder))).digest, {})
    return out


def played(parts: Parts) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    composer = MusicGenComposer(parts)
    composer.prime("warm piano", seed=1)
    composer.steer(0.9, -0.8, 0)
    return composer.render(60_000)


@pytest.mark.parametrize("backend", ["torch", "onnx", compiled])
def test_an_untrained_adapter_is_the_base_model_exactly(folder: Path, tmp_path: Path, backend: str) -> None:
    options = Options(str(folder), backend=cast(Any, backend), threads=1)
    adapted = assemble(dataclasses.replace(options, adapter=untrained(folder, tmp_path)))
    assert adapted.steered_by == "adapter" and not adapted.text_follows
    bare = dataclasses.replace(adapted, steering=None)
    assert np.array_equal(played(adapted), played(bare))


def test_an_adapter_of_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    untrained(folder, tmp_path)
    with pytest.raises(WeightsError, match="other MusicGen weights"):
        adapter_files.read(tmp_path, "0" * 64, G)
    with pytest.raises(WeightsError, match="no adapter"):
        adapter_files.read(tmp_path / "nowhere", "0" * 64, G)


def test_directions_move_apart_and_are_capped() -> None:
    rng = np.random.default_rng(0)
    valence, arousal = (rng.standard_normal((G.shallow, G.width)).astype(np.float32) for _ in "va")
    cap = np.full(G.shallow, 0.5, np.float32)
    stream = Directions(valence, arousal, cap).begin()
    for _ in range(60):
        full = stream.step(1.0, 1.0)
    assert np.linalg.norm(full, axis=1).max() <= 0.5 + 1e-5
    for _ in range(60):
        opposite = stream.step(-1.0, -1.0)
    np.testing.assert_allclose(opposite, -full, atol=1e-6)
    assert np.abs(Directions(valence, arousal, cap).begin().step(0.0, 0.0)).max() == 0.0


def test_directions_take_a_command_in_smoothly_and_can_be_replayed() -> None:
    ones = np.ones((G.shallow, G.width), np.float32)
    stream = Directions(ones, 0 * ones, np.full(G.shallow, 1e9, np.float32)).begin()
    past = [(0.0, 0.0)] * 40 + [(1.0, 0.0)] * 10
    path = [float(stream.step(*pair)[0, 0]) for pair in past]
    assert 0.0 < path[40] < 0.02 and max(np.diff(path)) < 0.1
    other = Directions(ones, 0 * ones, np.full(G.shallow, 1e9, np.float32)).begin()
    other.replay(past)
    assert np.array_equal(other.step(1.0, 0.0), stream.step(1.0, 0.0))


def test_directions_of_the_tiny_model_are_kept_beside_it(folder: Path, parts_of: object) -> None:
    assert callable(parts_of)
    steering = parts_of("torch").steering
    assert isinstance(steering, Directions)
    assert steering.valence.shape == (G.shallow, G.width)
    assert np.linalg.norm(steering.valence, axis=1).min() > 0.0
    cosine = np.sum(steering.valence * steering.arousal, axis=1) / (
        np.linalg.norm(steering.valence, axis=1) * np.linalg.norm(steering.arousal, axis=1)
    )
    assert np.abs(cosine).max() < 0.999
    assert list((folder / "narrascore").glob("directions-*.safetensors"))


def test_neutral_affect_is_the_anchor_alone_and_the_weights_are_whole() -> None:
    assert mixture("jazz", 0.0, 0.0) == (("jazz", 1.0),)
    for valence, arousal in ((1.0, 0.0), (-0.5, 0.5), (-1.0, -1.0)):
        texts = mixture("jazz", valence, arousal)
        assert sum(weight for _, weight in texts) == pytest.approx(1.0)
        assert all(weight > 0.0 for _, weight in texts)
    assert "sad" in mixture("jazz", -0.5, 0.1)[1][0]


def test_a_presets_name_becomes_its_four_fields() -> None:
    name, preset = next(iter(PRESETS.items()))
    prompt = prompt_of(f" {name.upper()} ")
    assert preset.genre in prompt and preset.pacing in prompt
    assert prompt_of("slow  dreamy piano") == "slow dreamy piano"


def test_the_guard_hears_silence_and_the_spiral_but_not_a_rest() -> None:
    guard = Guard()
    loud = np.full(640, 0.9, np.float32)
    quiet, music = np.zeros(640, np.float32), np.full(640, 0.1, np.float32)
    assert [guard.hear(quiet) for _ in range(SILENT_FRAMES - 1)] == [""] * (SILENT_FRAMES - 1)
    assert guard.hear(music) == ""
    assert [guard.hear(quiet) for _ in range(SILENT_FRAMES)][-1] == "silence"
    assert [guard.hear(loud) for _ in range(LOUD_FRAMES)][-1] == "level"


def test_a_piece_that_fell_silent_begins_again(parts: Parts) -> None:
    composer = MusicGenComposer(parts)
    composer.prime("warm piano", seed=1)
    composer.render(9_600)
    composer._guard.silent = SILENT_FRAMES - 1
    composer._guard.hear = lambda frame: "silence" if composer._restarts == 0 else ""  # type: ignore[method-assign]
    block = composer.render(96_000)
    assert composer.now_playing()["restarts"] == 1.0
    assert np.square(block[48_000:]).mean() > 1e-7
