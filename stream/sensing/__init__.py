"""The threads that read pictures, and what a session makes of the readings."""
