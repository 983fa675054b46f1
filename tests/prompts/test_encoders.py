"""Prompt encoders: shapes, initial values, and the papers' sizes."""

import pytest
import torch

from ptune.prompts.encoders import BottleneckEncoder, EmbeddingEncoder, LstmEncoder, MlpEncoder

ENCODERS = {
    "embedding": lambda: EmbeddingEncoder(7, 24),
    "mlp": lambda: MlpEncoder(7, 24, 10),
    "lstm": lambda: LstmEncoder(7, 24, 12),
    "bottleneck": lambda: BottleneckEncoder(7, 24, embedding=16, hidden=8),
}


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_an_encoder_gives_one_vector_for_each_prompt_token(make):
    torch.manual_seed(0)
    encoder = make()
    vectors = encoder()
    assert vectors.shape == (7, 24)
    assert len({tuple(vector) for vector in vectors.tolist()}) == 7
    assert torch.equal(encoder(), vectors)


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_every_parameter_of_an_encoder_shapes_the_prompt(make):
    torch.manual_seed(0)
    encoder = make()
    (encoder() * torch.randn(7, 24)).sum().backward()
    idle = [name for name, parameter in encoder.named_parameters() if not parameter.grad.any()]
    assert idle == []


@pytest.mark.parametrize(
    "make", [EmbeddingEncoder, lambda *a: MlpEncoder(*a[:2], 10, a[2]), lambda *a: LstmEncoder(*a[:2], 12, a[2])]
)
def test_what_an_encoder_reads_may_start_anywhere(make):
    start = torch.arange(7.0 * 24).view(7, 24)
    encoder = make(7, 24, start)
    read = encoder.table if isinstance(encoder, EmbeddingEncoder) else encoder.seed.weight
    assert torch.equal(read, start)
    with torch.no_grad():
        read.zero_()
    assert start.any()


def test_the_mlp_is_as_wide_as_stated():
    linear, _, out = MlpEncoder(7, 24, 10).layers
    assert (linear.in_features, linear.out_features, out.in_features, out.out_features) == (24, 10, 10, 24)


def test_an_embedding_starts_at_a_standard_deviation_of_a_fiftieth():
    torch.manual_seed(0)
    table = EmbeddingEncoder(50, 1000).table
    assert table.std().item() == pytest.approx(0.02, rel=0.02)
    assert table.mean().item() == pytest.approx(0.0, abs=0.001)


def test_a_bottleneck_starts_as_transformers_initialises_a_model():
    torch.manual_seed(0)
    encoder = BottleneckEncoder(50, 600, embedding=64, hidden=128)
    for layer in (encoder.seed, encoder.layers[0], encoder.layers[2]):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not encoder.layers[0].bias.any()
    assert not encoder.layers[2].bias.any()


def test_the_lstm_has_two_layers_and_two_directions():
    encoder = LstmEncoder(3, 24, 12)
    shapes = {name: tuple(parameter.shape) for name, parameter in encoder.lstm.named_parameters()}
    assert shapes["weight_ih_l0"] == (4 * 12, 24)
    assert shapes["weight_ih_l1_reverse"] == (4 * 12, 2 * 12)
    assert encoder.layers[0].in_features == 24
    assert [layer.out_features for layer in (encoder.layers[0], encoder.layers[2])] == [24, 24]


def test_the_lstm_lets_every_token_depend_on_every_other():
    torch.manual_seed(0)
    encoder = LstmEncoder(5, 24, 12)
    for token in range(5):
        encoder.zero_grad()
        encoder()[token].sum().backward()
        assert encoder.seed.weight.grad.abs().amax(dim=1).min() > 0.0
