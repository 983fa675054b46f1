"""Trains many learners on one frozen backbone; `reference.py` is the truth, `fused.py` the fast way to it."""
