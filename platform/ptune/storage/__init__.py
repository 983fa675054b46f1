"""Runs folders in object storage: local copies, the journal in segments, states and files."""
