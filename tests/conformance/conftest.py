"""Transformers' own models, which ptune's numbers are held to."""

from functools import cache

import pytest
from transformers import AutoModel


@pytest.fixture(scope="session")
def reference(tiny_backbone):
    """A function from a family's name to transformers' model of its tiny backbone; tests share it and only read it."""
    return cache(lambda family: AutoModel.from_pretrained(tiny_backbone(family), attn_implementation="eager").eval())
