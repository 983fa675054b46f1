"""Exit codes of the `ptune` command; 0 is done."""

WRONG_INPUT = 2
"""What the user gave cannot be used."""
INTERRUPTED = 130
"""Interrupted, and resumable."""
FAILED = 1
"""Anything else."""
