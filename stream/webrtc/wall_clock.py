"""Where aiortc reckons by the wall clock, a receiver that does not: the clock of a machine may jump.

Its bitrate estimate steps through every millisecond since the last packet, on the event loop: it hung when a
machine heard the time at last (1970 to now), and stalls when a picture was paused for hours, without a jump.
And its measure of jitter outgrew the 32 bits that a report has for it, which ended the reports.
`tests/e2e/test_surroundings.py` holds both.
"""

from __future__ import annotations

from aiortc import RTCRtpReceiver
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpreceiver import StreamStatistics

from stream.clock import Clock, monotonic

PAUSE_MS = 2000
"""Twice the window that the bitrate is measured over: after this nothing of it is left."""


class SteadyEstimator:
    """Stands where aiortc's RemoteBitrateEstimator stands, and knows only differences of `clock`."""

    def __init__(self, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._estimator = RemoteBitrateEstimator()
        self._last_ms = 0

    def add(
        self, arrival_time_ms: int, abs_send_time: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """The new estimate in bits a second and whom it is for, if any. `arrival_time_ms` is not used."""
        now_ms = round(1000 * self._clock())
        if now_ms - self._last_ms > PAUSE_MS:
            self._estimator.incoming_bitrate.reset()
        self._last_ms = now_ms
        return self._estimator.add(now_ms, abs_send_time, payload_size, ssrc)


class _Statistics(StreamStatistics):
    @property
    def jitter(self) -> int:
        return min(super().jitter, 2**32 - 1)


class _Streams(dict[int, StreamStatistics]):
    """By SSRC; aiortc puts in its own."""

    def __setitem__(self, ssrc: int, made: StreamStatistics) -> None:
        super().__setitem__(ssrc, _Statistics(made._clockrate))


def steady(receiver: RTCRtpReceiver) -> None:
    """Put both into a receiver that has not started."""
    parts = vars(receiver)
    assert {"_RTCRtpReceiver__remote_bitrate_estimator", "_RTCRtpReceiver__remote_streams"} <= parts.keys()
    if parts["_RTCRtpReceiver__remote_bitrate_estimator"] is not None:
        parts["_RTCRtpReceiver__remote_bitrate_estimator"] = SteadyEstimator()
    parts["_RTCRtpReceiver__remote_streams"] = _Streams()
