"""From a spec to what a trial trains: sizes, seeds, defaults, and what is left after training."""

import pytest
import torch

from ptune.backbone.families import FAMILIES
from ptune.backbone.load import Shape
from ptune.errors import SpecError
from ptune.prompts.build import build_learner, chosen_layers, is_shifted, load_learner
from ptune.prompts.learner import Learner
from ptune.spec.prompt import PromptV1, PromptV2
from ptune.spec.trial import TrialSpec

TINY = Shape(layers=3, kv_heads=4, head_width=8, hidden=32, embedding=16, max_positions=64, parameters=1)
BERT_LARGE = Shape(24, kv_heads=16, head_width=64, hidden=1024, embedding=1024, max_positions=512, parameters=1)
GROUPED = Shape(3, kv_heads=2, head_width=8, hidden=32, embedding=32, max_positions=None, parameters=1)

CONFIGS = [
    {"method": "v2", "length": 5},
    {"method": "v2", "length": 5, "encoder": "mlp", "hidden": 6},
    {"method": "v2", "length": 5, "depth": 1},
    {"method": "v1", "length": 5, "encoder": "embedding"},
    {"method": "v1", "length": 5, "encoder": "mlp"},
    {"method": "v1", "length": 5, "encoder": "lstm", "hidden": 7},
    {"method": "head"},
]
every_config = pytest.mark.parametrize("config", CONFIGS, ids=str)


def build(config: dict, shape: Shape = TINY, family: str = "bert", pooled: bool = False, seed: int = 1) -> Learner:
    return build_learner(TrialSpec.from_config(config).prompt, shape, FAMILIES[family], 3, pooled, seed)


def same(one: Learner, other: Learner) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_a_prompt_in_all_layers_of_bert_large_has_49152_parameters_per_token():
    prompt = build({"method": "v2", "length": 3}, BERT_LARGE).prompt
    assert sum(parameter.numel() for parameter in prompt.parameters()) == 3 * 49_152


@pytest.mark.parametrize(
    ("config", "shape", "expected"),
    [
        ({"method": "v2", "length": 5}, TINY, (3, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5, "depth": 2}, TINY, (2, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5}, GROUPED, (3, 2, 5, 2, 8)),
        ({"method": "v1", "length": 5}, TINY, (5, 16)),
    ],
)
def test_a_prompt_has_the_shape_of_its_backbone(config, shape, expected):
    assert build(config, shape).prompt().shape == expected


def test_a_prompts_columns_are_layer_key_or_value_head_width():
    prompt = build({"method": "v2", "length": 2}).prompt
    with torch.no_grad():
        prompt.encoder.table.copy_(torch.arange(2 * 192).view(2, 192))
    keys_and_values = prompt()
    layer, value, token, head, column = 1, 1, 1, 2, 3
    assert keys_and_values[layer, value, token, head, column] == 192 + ((layer * 2 + value) * 4 + head) * 8 + column


def test_sizes_left_out_are_the_papers():
    assert build({"method": "v1", "encoder": "lstm"}).prompt.encoder.lstm.hidden_size == 8
    assert build({"method": "v2", "encoder": "mlp"}).prompt.encoder.layers[0].out_features == 512


@every_config
def test_initial_values_depend_on_the_seed_alone(config):
    torch.manual_seed(5)
    first = build(config, seed=1)
    torch.randn(17)
    assert same(first, build(config, seed=1))
    assert not same(first, build(config, seed=2))


@every_config
def test_the_global_random_state_is_left_alone(config):
    before = torch.get_rng_state()
    build(config)
    assert torch.equal(torch.get_rng_state(), before)


@every_config
def test_a_collapsed_learner_is_its_encoders_output_and_its_head(config):
    learner = build(config)
    tensors = learner.collapsed()
    if learner.prompt is not None:
        assert torch.equal(tensors["prompt"], learner.prompt.encoder())
    assert tensors.keys() - {"prompt"} == {"head.out.weight", "head.out.bias"}
    assert not any(tensor.requires_grad for tensor in tensors.values())


@every_config
def test_a_collapsed_learner_loads_as_the_same_prompt_and_head(config):
    learner = build(config)
    loaded = load_learner(
        TrialSpec.from_config(config).prompt, TINY, FAMILIES["bert"], 3, pooled=False, tensors=learner.collapsed()
    )
    features = torch.randn(2, 32)
    assert torch.equal(loaded.head(features), learner.head(features))
    if learner.prompt is not None:
        assert torch.equal(loaded.prompt(), learner.prompt())


@pytest.mark.parametrize("change", [{"head.out.weight": torch.zeros(2, 32)}, {"prompt": torch.zeros(4, 192)}])
def test_tensors_that_do_not_fit_are_refused(change):
    config = {"method": "v2", "length": 5}
    tensors = build(config).collapsed() | change
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_learner(TrialSpec.from_config(config).prompt, TINY, FAMILIES["bert"], 3, pooled=False, tensors=tensors)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PromptV2(), (0, 1, 2, 3, 4, 5)),
        (PromptV2(depth=2), (4, 5)),
        (PromptV2(depth=2, side="first"), (0, 1)),
        (PromptV2(depth=6, side="first"), (0, 1, 2, 3, 4, 5)),
    ],
)
def test_depth_and_side_choose_the_layers(spec, expected):
    assert chosen_layers(spec, 6) == expected


def test_a_depth_beyond_the_backbone_is_refused():
    with pytest.raises(SpecError, match="depth <= 3 must hold on this backbone of 3 layers, got 4"):
        build({"method": "v2", "depth": 4})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PromptV2(), True),
        (PromptV2(depth=6), True),
        (PromptV2(depth=5), False),
        (PromptV2(depth=5, positions="shifted"), True),
        (PromptV2(positions="unshifted"), False),
    ],
)
def test_text_is_shifted_behind_prompts_in_all_layers_unless_stated(spec, expected):
    assert is_shifted(spec, 6) is expected


@pytest.mark.parametrize(
    ("family", "pooled", "tensors"),
    [
        ("bert", True, {"out.weight", "out.bias"}),
        ("roberta", False, {"dense.weight", "dense.bias", "out.weight", "out.bias"}),
        ("llama", False, {"out.weight"}),
    ],
)
def test_the_head_is_the_familys_usual_one(family, pooled, tensors):
    assert build({"method": "head"}, family=family, pooled=pooled).head.state_dict().keys() == tensors


def test_dropout_zeroes_the_stated_share_and_keeps_the_mean():
    prompt = build({"method": "v2", "length": 50, "dropout": 0.25}).prompt
    ones = torch.ones_like(prompt())
    dropped = prompt.drop(ones, 4, torch.Generator().manual_seed(0))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    assert not torch.equal(dropped[0], dropped[1])


def test_dropout_draws_from_its_own_stream():
    prompt = build({"method": "v2", "length": 5, "dropout": 0.5}).prompt
    draws = []
    for _ in range(2):
        torch.randn(3)
        draws.append(prompt.drop(prompt(), 2, torch.Generator().manual_seed(7)))
    assert torch.equal(*draws)


def test_a_v1_prompt_of_no_stated_width_takes_half_the_embedding():
    assert PromptV1().hidden is None
    assert build({"method": "v1", "encoder": "lstm"}, GROUPED).prompt.encoder.lstm.hidden_size == 16
