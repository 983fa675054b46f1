"""The formats that a prompt is exported in: one file for each."""
