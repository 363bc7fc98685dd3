"""One live score and all of them: who is connected, what they may use up, what is given up first."""
