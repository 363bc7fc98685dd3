"""A composer behind a WebSocket: in another process, another environment or on another machine.

`messages` is what both ends say; `served` obeys it without a socket and `server` puts that on one; `line` is
the way there, and `client` a composer like any other whose music is made elsewhere. docs/protocol.md lists
the messages.
"""

__all__: list[str] = []
