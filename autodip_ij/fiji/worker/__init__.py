"""The worker process: its jobs, its messages, and how Fiji starts, watches and ends it."""
