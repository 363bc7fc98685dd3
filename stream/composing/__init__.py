"""A session's composer: a process of its own, its bounded ring, and how it is watched and replaced."""
