"""The symbolic composer, measured: cost, latency, control, endless, originality, anchor, one after the other.

    python -m bench composer             # short: a few minutes
    python -m bench composer --full      # the lengths that were asked for: about an hour

Each part leaves a JSON and a plot in `artifacts/`, named as the part is, and can be run by its name alone.
"""

from __future__ import annotations

from bench import anchor, control, cost, endless, latency, originality
from bench.report import Figure
from bench.scope import Scope


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    figures = []
    for part in (cost, latency, control, endless, originality):
        figures += part.run(scope)
    if len(scope.presets) > 1:
        figures += anchor.run(scope)
    return figures
