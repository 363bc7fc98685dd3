"""PCM on its way out: from the ring to a clock, one encode, any number of sinks. Knows no session."""
