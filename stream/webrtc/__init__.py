"""One WebRTC connection: its offer, its candidates, its tracks both ways. Knows no session."""
