"""What holds for every test: a busy machine is no failure, and what a test opens it closes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

collect_ignore = ["audiocraft"]
"""Its tests run in an environment of their own: `make test-audiocraft`."""

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


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
