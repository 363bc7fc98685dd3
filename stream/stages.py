"""How long each stage takes, as histograms: observed where the work is done, read at `/metrics`.

One registry for the process: the stages are the same whichever application runs in it. An observation takes a
few microseconds, and no stage makes more than some hundred a second.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

_STAGE_S = Histogram(
    "narrascore_stage_seconds",
    "Time a stage took: decode, wait (a picture for its reading), read, compose (10 ms of music), encode; or "
    "how late it was: egress (a block of music), loop (the event loop).",
    ["stage"],
    buckets=_BUCKETS_S,
    registry=REGISTRY,
)

DECODE_S = _STAGE_S.labels("decode")
WAIT_S = _STAGE_S.labels("wait")
READ_S = _STAGE_S.labels("read")
COMPOSE_S = _STAGE_S.labels("compose")
ENCODE_S = _STAGE_S.labels("encode")
EGRESS_LATE_S = _STAGE_S.labels("egress")
LOOP_LATE_S = _STAGE_S.labels("loop")

SENSOR_FAULTS = Counter(
    "narrascore_sensor_faults_total", "Readings that raised or hung.", ["kind"], registry=REGISTRY
)
REFUSED = Counter(
    "narrascore_refused_total", "Requests answered with a problem, by status.", ["status"], registry=REGISTRY
)
