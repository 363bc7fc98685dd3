"""The adapter learns affect from small synthetic sound, with a tiny model."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from composer.config import AdapterConfig
from composer.errors import CorpusError
from composer.musicgen import adapter_files, audio_labels, clips
from composer.musicgen.assembly import assemble
from composer.musicgen.clips import Clip
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.geometry import CODEC_RATE_HZ
from composer.musicgen.loading import Options
from composer.musicgen.train_adapter import Trainer, batch_of, loss_of, train_adapter
from tests.composer.musicgen import tiny_musicgen

G = tiny_musicgen.GEOMETRY
SIZES = AdapterConfig(width=16, kernel=3, dilations=(1, 2))


def obedient_clips(count: int = 6, length: int = 120) -> list[Clip]:
    """Tokens that affect decides, but for a little noise: high arousal takes the upper half of each book."""
    clips_ = []
    for index in range(count):
        rng = np.random.default_rng(index)
        arousal = np.repeat(rng.choice([-0.9, 0.9], length // 20), 20)
        low = np.where(arousal > 0, G.vocabulary // 2, 0)
        codes = low[:, None] + rng.integers(0, 4, (length, G.codebooks))
        affect = np.stack([rng.uniform(-1, 1, length), arousal], axis=1)
        clips_.append(Clip(f"song{index}", codes.astype(np.int64), affect.astype(np.float32)))
    return clips_


def trainer(run: Path) -> Trainer:
    return Trainer(tiny_musicgen.model().decoder, G, obedient_clips(), run, seed=0, rows=4, config=SIZES)


def test_the_loss_falls_and_the_curve_is_what_it_learns(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    before = one.verdict()
    assert before.true_curve == before.without == before.shuffled  # untrained is the base exactly
    losses = one.train(120, peak=1e-2)
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.3
    after = one.verdict()
    assert after.true_curve < after.without - 0.1 and after.true_curve < after.shuffled - 0.1


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.train(60)
    first = trainer(tmp_path / "parts")
    first.train(60)
    # Cut after 50: the checkpoint of that step, as a killed run would have left it.
    again = trainer(tmp_path / "cut")
    again._checkpoint.save(0, again.adapter, again._optimizer)
    again.train(60)
    for name, value in whole.adapter.state_dict().items():
        assert torch.equal(value, first.adapter.state_dict()[name])
        assert torch.equal(value, again.adapter.state_dict()[name])
    resumed = trainer(tmp_path / "whole")
    assert resumed.train(60) == []  # nothing is left to do
    assert torch.equal(resumed.adapter.gamma, whole.adapter.gamma)


def test_the_delay_pattern_of_a_batch_is_the_players() -> None:
    codes = np.arange(40).reshape(10, 4)
    batch = batch_of([(Clip("a", codes, np.zeros((10, 2), np.float32)), 2)], 6, G)
    inputs, targets = batch.inputs[0], batch.targets[0]
    assert inputs[0].tolist() == [G.begin_token, 8, 12, 16, 20, 24]
    assert inputs[2].tolist() == [G.begin_token] * 3 + [10, 14, 18]
    assert targets[0].tolist() == [8, 12, 16, 20, 24, 28]
    assert targets[2].tolist() == [-100, -100, 10, 14, 18, 22]


def test_gradients_reach_the_adapter_and_nothing_else(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    loss = loss_of(one._decoder, one.adapter, one._batch(0))
    loss.backward()  # type: ignore[no-untyped-call]
    assert one.adapter.gamma.grad is not None and float(one.adapter.gamma.grad.abs().sum()) > 0
    assert all(weight.grad is None for weight in one._decoder.parameters())


def tone(path: Path, seconds: float, loud: float, hz: float = 220.0, quiet_share: float = 0.0) -> None:
    t = np.arange(int(seconds * CODEC_RATE_HZ)) / CODEC_RATE_HZ
    sound = loud * (np.sin(2 * np.pi * hz * t) + 0.3 * np.sign(np.sin(2 * np.pi * 2 * hz * t)))
    sound[: int(quiet_share * len(sound))] = 0.0
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, CODEC_RATE_HZ, 0, "NONE", ""))
        file.writeframes((20_000 * np.clip(sound, -1, 1)).astype("<i2").tobytes())


def test_from_a_folder_of_sound_to_an_adapter_that_plays(folder: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for index, loud in enumerate((0.05, 0.7, 0.2, 0.9)):
        tone(audio / f"{index}.wav", 4.0, loud, 110.0 * (index + 1))
    tone(audio / "mute.wav", 4.0, 0.5, quiet_share=0.6)
    base, out = Options(str(folder), backend="torch", threads=1), tmp_path / "adapter"
    train_adapter(base, audio, None, tmp_path / "run", out, steps=12, seed=0, rows=2)
    card = json.loads((out / adapter_files.CARD).read_text())
    assert card["training"]["clips"] == 4  # the mostly silent one is left out
    assert set(card["held_out_nats_per_token"]) == {"true_curve", "without", "shuffled"}
    parts = assemble(Options(str(folder), backend="torch", threads=1, adapter=out))
    blocks = []
    for arousal in (-1.0, 1.0):
        composer = MusicGenComposer(parts)
        composer.prime("warm piano", 0)
        composer.steer(0.0, arousal, 0)
        blocks.append(composer.render(48_000))
    assert not np.array_equal(blocks[0], blocks[1])


def test_labels_computed_from_sound_follow_loudness(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(CODEC_RATE_HZ * 20).astype(np.float32)
    rising = noise * np.geomspace(0.001, 0.3, len(noise)).astype(np.float32)
    (labels,) = audio_labels.computed([audio_labels.features(rising, CODEC_RATE_HZ)])
    assert labels.shape[1] == 2 and np.abs(labels).max() <= 1.0
    assert np.corrcoef(labels[:, 1], np.arange(len(labels)))[0, 1] > 0.9


def chord(pitches: tuple[int, ...]) -> npt.NDArray[np.float32]:
    t = np.arange(CODEC_RATE_HZ * 5) / CODEC_RATE_HZ
    hz = [440.0 * 2 ** ((p - 69) / 12) for p in pitches]
    waves = np.array([np.sin(2 * np.pi * f * t) for f in hz])
    return np.asarray(0.1 * waves.sum(axis=0), np.float32)


def test_a_major_chord_is_labelled_brighter_than_a_minor_one() -> None:
    rows = [audio_labels.features(chord(p), CODEC_RATE_HZ) for p in ((60, 64, 67, 72), (60, 63, 67, 72))]
    major, minor = audio_labels.computed(rows)
    assert major[:, 0].mean() > minor[:, 0].mean() + 0.5


def test_deams_tables_and_the_plain_one_are_read(tmp_path: Path) -> None:
    for axis, value in (("valence", 0.4), ("arousal", -0.2)):
        (tmp_path / f"{axis}.csv").write_text(
            "song_id, sample_15000ms, sample_15500ms, sample_16000ms\n"
            f"2, {value}, {value}, {value}\n3, 0.1, 2.0,\n"
        )
    table = audio_labels.read_table(tmp_path)
    times, values = table["2"]
    assert times.tolist() == [15.0, 15.5, 16.0] and values[0].tolist() == [0.4, -0.2]
    assert table["3"][1].tolist() == [[0.1, 0.1], [1.0, 1.0]]
    assert audio_labels.read_table(tmp_path / "arousal.csv").keys() == table.keys()
    plain = tmp_path / "plain.csv"
    plain.write_text("song_id,t_s,valence,arousal\na,1,0.5,-3\na,0,0.1,0.2\n")
    times, values = audio_labels.read_table(plain)["a"]
    assert times.tolist() == [0.0, 1.0] and values.tolist() == [[0.1, 0.2], [0.5, -1.0]]
    plain.write_text("nothing,of,this\n1,2,3\n")
    with pytest.raises(CorpusError, match="columns"):
        audio_labels.read_table(plain)


def test_given_labels_decide_where_clips_are_cut(folder: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    tone(audio / "a.wav", 8.0, 0.5)
    tone(audio / "b.wav", 8.0, 0.5)
    table = tmp_path / "labels.csv"
    table.write_text("song_id,t_s,valence,arousal\na,2,-1,0\na,6,1,0\n")
    codec = tiny_musicgen.model().audio_encoder
    (clip,) = clips.build(audio, table, codec, tmp_path / "kept")
    assert clip.song == "a" and len(clip.codes) == 4 * 50 + 1
    assert clip.affect[0, 0] == -1.0 and clip.affect[-1, 0] == pytest.approx(1.0)
    assert clip.affect[100, 0] == pytest.approx(0.0, abs=0.02)


def test_a_folder_without_recordings_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no recordings"):
        clips.build(tmp_path, None, None, tmp_path / "kept")
