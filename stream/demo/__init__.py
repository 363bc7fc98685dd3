"""The main job, run and measured by itself: real clips in, music out."""
