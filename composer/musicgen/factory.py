"""What crosses into a composer process: options, and nothing that would load a framework on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from composer.musicgen.loading import Options

if TYPE_CHECKING:
    from composer.musicgen.engine import MusicGenComposer


@dataclass(frozen=True)
class MusicGenFactory:
    """Called once in the composer process."""

    options: Options

    def __call__(self) -> MusicGenComposer:
        """Raises WeightsError when the weights cannot be used."""
        from composer.musicgen import huge_pages
        from composer.musicgen.assembly import assemble
        from composer.musicgen.engine import MusicGenComposer

        composer = MusicGenComposer(assemble(self.options))
        huge_pages.ask()
        return composer


def prepare(options: Options) -> str:
    """Do once what takes long (convert, find directions), so that composer processes start quickly.

    The name of what will play. To be called in a process of its own: it takes the whole model's memory.

    Raises WeightsError with a sentence for the user.
    """
    from composer.musicgen.assembly import assemble

    return assemble(options).name
