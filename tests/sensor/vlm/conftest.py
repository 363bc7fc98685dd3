"""Tiny models of each family, made once, saved and loaded back through the real loading path."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from sensor.vlm.loading import Vlm, load
from tests.sensor.vlm.tiny_models import FAMILIES, build


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of a family."""
    torch.set_num_threads(1)
    return cache(lambda family: build(family, tmp_path_factory.mktemp(family)))


@pytest.fixture(scope="session")
def loaded(folder_of: Callable[[str], Path]) -> Callable[[str], Vlm]:
    return cache(lambda family: load(folder_of(family)))


@pytest.fixture(params=FAMILIES)
def vlm(request: pytest.FixtureRequest, loaded: Callable[[str], Vlm]) -> Vlm:
    """Each family in turn; to be left as it is."""
    return loaded(request.param)


@pytest.fixture
def folder(folder_of: Callable[[str], Path]) -> Path:
    """One family, where any will do; to be left as it is."""
    return folder_of("smolvlm")
