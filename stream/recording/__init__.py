"""What a session keeps: sound, notes, affect, and where all of it came from."""
