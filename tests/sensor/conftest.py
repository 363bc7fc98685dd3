"""What several sensor tests need: the shipped eye, and the place of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.live import Eye, create_eye

OASIS = Path(__file__).parents[3] / "shared" / "data" / "oasis"


@pytest.fixture(scope="session")
def eye() -> Eye:
    return create_eye()


@pytest.fixture(scope="session")
def oasis() -> Path:
    if not (OASIS / "ratings.csv").is_file():
        pytest.skip(f"no {OASIS}: put ratings.csv and images/ of OASIS (doi 10.3758/s13428-016-0715-3) there")
    return OASIS
