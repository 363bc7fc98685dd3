"""A host on a stage: its workers are played by the test, in-process."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from stream.composing import host as composer_host
from stream.composing.host import ComposerHost
from stream.composing.link import ComposerLink
from tests.stream.composing.stand_in_worker import WAIT_S, Pool


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(composer_host, "TICK_S", 0.005)
    monkeypatch.setattr(composer_host, "BACKOFF_S", (0.0,) * 5)
    link, pool = ComposerLink.create(4800), Pool()
    host = ComposerHost(
        pool,  # type: ignore[arg-type]
        link,
        "slow piano",
        7,
        time.monotonic,
        name="test",
        start_timeout_s=WAIT_S,
        hang_s=0.05,
        snapshot_s=1.0,
    )
    beating = threading.Event()
    beating.set()

    def beat() -> None:
        while not stop.wait(0.002):
            if beating.is_set():
                link.beat()

    stop = threading.Event()
    heart = threading.Thread(target=beat)
    heart.start()
    host.start()
    yield host, pool, beating
    host.close()
    stop.set()
    heart.join()
    link.close()
