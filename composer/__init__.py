"""The composer: an anchor once, an affect curve for ever, sound out.

`composer.symbolic` is the default engine. Nothing here knows of cameras, sockets or sessions.
"""

__all__: list[str] = []
