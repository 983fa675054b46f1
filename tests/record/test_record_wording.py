"""A configuration in words."""

import pytest

from ptune.record.wording import described, param_heading, value_text


def test_a_configuration_counts_tokens_and_layers_and_shows_words_bare():
    config = {"method": "v2", "encoder": "mlp", "length": 20, "depth": 1, "head_lr": 0.0123456, "hidden": None}
    names = ["method", "encoder", "length", "depth", "hidden", "head_lr", "missing"]
    assert described(config, names) == "v2 · mlp · 20 tokens · 1 layer · head lr 0.0123"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (True, "yes"), (0.000123456, "0.000123"), (20, "20"), ("lstm", "lstm")]
)
def test_values(value, text):
    assert value_text(value) == text


def test_a_heading_is_the_name_in_words():
    assert param_heading("head_weight_decay") == "head weight decay"
