"""What this machine measures. `make bench` runs everything here and prints one table."""
