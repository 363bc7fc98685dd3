"""Ways in and out that need no peer: files, OBS's WebSocket, this machine's speakers."""
