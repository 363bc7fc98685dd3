"""audiocraft's own MusicGen behind the composer's contract, in its own environment (`make audiocraft-env`).

audiocraft 1.3.0 pins libraries that the rest of the project has left behind. So it plays in another process,
reached as any remote composer: `python -m composer.audiocraft`, then `narrascore serve --composer ws://...`.
"""

__all__ = ["assembly", "stepper", "xformers_stand_in"]
