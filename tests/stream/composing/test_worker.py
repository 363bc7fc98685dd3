"""What a composer's process tells of itself, without the process."""

from __future__ import annotations

from multiprocessing import Pipe

from stream.composing.messages import Rendered
from stream.composing.worker import RENDERS_TOLD, Reporter


def test_how_long_blocks_took_is_told_once_a_second() -> None:
    here, there = Pipe(duplex=False)
    reporter = Reporter(there)
    took = tuple(0.001 * k for k in range(RENDERS_TOLD))
    for seconds in took[:-1]:
        reporter.rendered(seconds)
    assert reporter.flush() and not here.poll()
    reporter.rendered(took[-1])
    assert reporter.flush() and here.poll()
    assert here.recv() == Rendered(took)
    assert reporter.flush() and not here.poll()
