"""The sensor: pictures in, one smoothed valence-arousal estimate out, causal throughout.

Nothing here knows of music, sockets or sessions.
"""

__all__: list[str] = []
