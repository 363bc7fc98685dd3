"""What this machine measures. `python -m bench`, `python -m bench.endurance`."""

from stream.cli.threads import one_thread_each

# Before numpy is loaded by anything: its idle threads would spin and be counted as the service's.
one_thread_each()
