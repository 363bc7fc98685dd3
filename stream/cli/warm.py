"""For the process that composers are forked from, and nobody else: to import this loads what they share.

See `stream.composing.process`. A fault is left to the composers, who are heard when they fail.
"""

from __future__ import annotations

import contextlib
import gc

from composer.errors import ComposerError
from stream.cli.telling import shipped
from stream.cli.threads import few_arenas

few_arenas()
with contextlib.suppress(ComposerError):
    shipped()
# What is here stays: a collector that looked at it in a composer would copy every page of it.
gc.collect()
gc.freeze()
