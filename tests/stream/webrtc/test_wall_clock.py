from __future__ import annotations

from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpReceiverInfo

from stream.webrtc.wall_clock import SteadyEstimator, _Streams
from tests.stream.webrtc.test_backlog import Clock
from tests.stream.webrtc.test_loss import packet


def test_a_bitrate_is_estimated_and_a_long_pause_costs_nothing() -> None:
    """aiortc alone takes a step for each millisecond: a year of them would not end here."""
    clock = Clock()
    estimator, estimates = SteadyEstimator(clock), []

    def send(seconds: float) -> None:
        for _ in range(int(100 * seconds)):
            clock.now_s += 0.01
            sent = int(clock.now_s * 2**18) % 2**24
            estimates.append(estimator.add(0, sent, 1250, 7))

    send(5.0)
    clock.now_s += 365 * 86_400.0
    mark = len(estimates)
    send(5.0)
    for part in (estimates[:mark], estimates[mark:]):
        told = [estimate for estimate in part if estimate is not None]
        assert told and all(ssrcs == [7] and bits > 0 for bits, ssrcs in told)


def test_jitter_fits_into_a_report_after_any_jump() -> None:
    streams = _Streams()
    streams[7] = StreamStatistics(90_000)
    for n, t_s in enumerate([0.0, 0.02, 1.8e9, 1.8e9 + 0.02]):
        one = packet(n, 1800 * n, True, True)
        streams[7].add(one)
        streams[7]._last_arrival = int(t_s * 90_000)
    report = RtcpReceiverInfo(7, 0, 0, 0, streams[7].jitter, 0, 0)
    assert len(bytes(report)) == 24
