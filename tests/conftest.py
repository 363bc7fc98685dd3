"""What holds for every test: a busy machine is no failure, and what a test opens it closes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

collect_ignore = ["audiocraft"]
"""Its tests run in an environment of their own: `make test-audiocraft`."""

BEGUN_FIRST = (
    "test_soak", "test_composers", "test_pages", "test_desk", "test_ways", "test_bad_network",
    "test_pages_composers", "test_faults", "test_surroundings", "test_loopback", "test_pages_tokens",
    "test_obs", "test_slow_reading", "test_gstreamer",
)  # fmt: skip
"""The files that take longest: none of them is left to one worker when the others have nothing more to do."""

gc.disable()  # until everything is imported, all of which stays: each round would look at a million objects

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(BEGUN_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_collection_finish() -> None:
    """What all tests share, two frameworks among it, is not looked through at every collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def one_graph_at_a_time() -> Iterator[None]:
    """SignalFlow has one graph in a process: one that a test leaves open breaks another, far away."""
    yield
    signalflow = sys.modules.get("signalflow")
    if signalflow is not None:
        left = signalflow.AudioGraph.get_shared_graph()
        if left is not None:
            left.destroy()
            pytest.fail("a synthesiser was left open: close what this test made")
