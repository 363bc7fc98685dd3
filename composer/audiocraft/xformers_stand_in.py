"""audiocraft imports xformers, whatever attention it then uses: what it asks for by name, from torch.

Its attention is torch's own unless told otherwise; of xformers `unbind` is called, and a mask is asked
whether it is there.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

import torch


class LowerTriangularMask:
    """Stands for causal attention."""


def supply() -> None:
    """Make `import audiocraft` work where xformers is not installed. To be called before it."""
    if "xformers" in sys.modules or find_spec("xformers") is not None:
        return
    package, ops = ModuleType("xformers"), ModuleType("xformers.ops")
    ops.__dict__.update(
        unbind=torch.unbind,
        memory_efficient_attention=torch.nn.functional.scaled_dot_product_attention,
        LowerTriangularMask=LowerTriangularMask,
    )
    package.__dict__["ops"] = ops
    sys.modules["xformers"], sys.modules["xformers.ops"] = package, ops
