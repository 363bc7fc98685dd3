"""A model reading several sessions: apart from each other, within bounds, and never a bad number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sensor.errors import WeightsError
from sensor.vlm.loading import Vlm, load
from sensor.vlm.projector import Projector
from sensor.vlm.reader import MOST_SESSIONS, Reader, create_reader
from tests.sensor.pictures import blobs
from tests.sensor.vlm.tiny_models import build


@pytest.fixture
def probe() -> Projector:
    torch.manual_seed(4)
    return Projector(32).eval()


def test_a_probe_reads_surely_and_ratings_by_their_share(vlm: Vlm, probe: Projector) -> None:
    rgb = blobs(1, 64, 36)
    by_probe = Reader(vlm, probe).look(1, 3.0, rgb)
    assert by_probe.confidence == 1.0 and (by_probe.session, by_probe.t_s) == (1, 3.0)
    by_rating = Reader(vlm, None).look(1, 3.0, rgb)
    assert 0 < by_rating.confidence < 1
    for each in (by_probe, by_rating):
        assert -1 <= each.valence <= 1 and -1 <= each.arousal <= 1


def test_sessions_do_not_hear_of_each_other(vlm: Vlm, probe: Projector) -> None:
    alone, among = Reader(vlm, probe), Reader(vlm, probe)
    for step in range(3):
        rgb = blobs(step, 64, 36)
        among.look(2, float(step), blobs(50 + step, 64, 36))
        assert among.look(1, float(step), rgb) == alone.look(1, float(step), rgb)


def test_windows_are_bounded(vlm: Vlm, probe: Projector) -> None:
    reader = Reader(vlm, probe)
    for session in range(MOST_SESSIONS + 3):
        reader.look(session, 0.0, blobs(session, 64, 36))
    assert len(reader._windows) == MOST_SESSIONS and 0 not in reader._windows
    reader.forget(MOST_SESSIONS)
    reader.forget(MOST_SESSIONS)
    assert len(reader._windows) == MOST_SESSIONS - 1


def test_a_picture_too_narrow_for_the_family_has_no_confidence(vlm: Vlm, probe: Projector) -> None:
    thin = np.zeros((2, 900, 3), np.uint8)
    looked = Reader(vlm, probe).look(1, 0.0, thin)
    if vlm.family_name != "smolvlm":  # that one squares every picture
        assert looked.confidence == 0.0
    assert looked.valence == looked.valence


def test_overflow_is_no_reading_and_is_not_kept(tmp_path: Path, probe: Projector) -> None:
    vlm = load(build("qwen3_vl", tmp_path))
    reader = Reader(vlm, probe)
    first = reader.look(1, 0.0, blobs(1, 64, 36))
    assert first.confidence == 1.0
    weight = vlm.model.model.visual.merger.linear_fc2.weight
    with torch.no_grad():
        sane = weight.clone()
        weight.fill_(torch.inf)
        assert reader.look(1, 1.0, blobs(2, 64, 36)).confidence == 0.0
        weight.copy_(sane)
    again = reader.look(1, 2.0, blobs(1, 64, 36))
    assert again.confidence == 1.0 and again.valence == pytest.approx(first.valence, abs=1e-5)


def test_an_anchor_that_is_none_says_why(vlm: Vlm) -> None:
    reader = Reader(vlm, None)
    assert reader.write(1).why == "it has seen nothing yet"
    reader.look(1, 0.0, blobs(1, 64, 36))
    wrote = reader.write(1)
    assert wrote.text == "" and wrote.why


def test_a_reader_is_made_of_files(folder: Path, tmp_path: Path) -> None:
    looked = create_reader(folder, "cpu", "auto", None).look(1, 0.0, blobs(1, 64, 36))
    assert looked.confidence > 0
    with pytest.raises(WeightsError, match=r"vlm-probe\.json"):
        create_reader(folder, "cpu", "auto", tmp_path)
