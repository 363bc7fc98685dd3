"""The `narrascore` command: the only place where stream, sensor and composer meet."""
