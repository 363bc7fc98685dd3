"""For the process that composers are forked from, and nobody else: to import this loads what they share.

See `stream.composing.process`. A fault is left to the composers, who are heard when they fail.
"""

from __future__ import annotations

import contextlib
import os

from composer.anchor import read_anchor
from composer.errors import ComposerError
from composer.presets import DEFAULT_PRESET
from composer.synth import stock
from stream.cli.music import WARM_ANCHOR
from stream.cli.telling import shipped
from stream.cli.threads import few_arenas, keep_for_good

few_arenas()
with contextlib.suppress(ComposerError):
    shipped()
    # Of the style that sessions begin with: the others' would take as much again, each, of whoever plays one.
    stock(read_anchor(os.environ.get(WARM_ANCHOR, DEFAULT_PRESET)).preset)
keep_for_good()
