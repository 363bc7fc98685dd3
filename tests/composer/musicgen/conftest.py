"""One tiny MusicGen on disk for the folder's tests, read as a user's would be: from a folder, offline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from composer.musicgen import vectors
from composer.musicgen.assembly import Parts, assemble
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.geometry import Manner
from composer.musicgen.loading import Options
from composer.musicgen.windows import Windows
from tests.composer.musicgen import tiny_musicgen

WINDOWS = Windows(60, 30)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_musicgen.write(tmp_path_factory.mktemp("weights") / "tiny")


PartsOf = Callable[..., Parts]


@pytest.fixture(scope="session")
def parts_of(folder: Path) -> PartsOf:
    """Parts of the tiny model by backend, with windows short enough to see them change."""
    made: dict[tuple[str, float], Parts] = {}

    def of(backend: str, guidance: float = 3.0) -> Parts:
        key = backend, guidance
        if key not in made:
            options = Options(
                str(folder),
                backend=cast(Any, backend),
                threads=2 if backend == "compiled" else 1,
                manner=Manner(guidance=guidance, top_k=20),
            )
            made[key] = dataclasses.replace(assemble(options), windows=WINDOWS)
        return made[key]

    return of


compiled = pytest.param(
    "compiled",
    marks=pytest.mark.skipif(not vectors.lanes(), reason="this processor does not multiply bytes (AVX-VNNI)"),
)


@pytest.fixture(params=["torch", "onnx", compiled])
def parts(request: pytest.FixtureRequest, parts_of: PartsOf) -> Parts:
    return parts_of(request.param)


@pytest.fixture
def composer(parts: Parts) -> MusicGenComposer:
    """Primed. One at a time: composers on the same parts share their caches."""
    made = MusicGenComposer(parts)
    made.prime("warm piano jazz", seed=3)
    return made
