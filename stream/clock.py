"""Time, injected: every deadline in the stream is computed from one of these."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds that never go back and share their zero among the processes of one machine."""

monotonic: Clock = time.monotonic
