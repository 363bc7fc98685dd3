"""The stream: live video in over WebRTC, live music out.

`stream.ports` says what it needs of a sensor and a composer; `stream.cli` is where all three meet.
"""

__all__: list[str] = []
