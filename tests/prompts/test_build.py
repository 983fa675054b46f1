"""From a spec to what a trial trains: sizes, seeds, defaults, starts, and what is left after training."""

import pytest
import torch
from torch import nn

from ptune.backbone.backbone import Backbone, Shape
from ptune.backbone.families import FAMILIES
from ptune.errors import SpecError
from ptune.prompts.build import build_learner, load_learner, start_from
from ptune.prompts.heads import Linear, Verbalizer, Vocabulary
from ptune.prompts.learner import Learner
from ptune.spec.prompt import PromptV1, PromptV2
from ptune.spec.trial import Recipe, TrialSpec

TINY = Shape(layers=3, kv_heads=4, head_width=8, hidden=32, embedding=16, max_positions=64, parameters=1)
BERT_LARGE = Shape(24, kv_heads=16, head_width=64, hidden=1024, embedding=1024, max_positions=512, parameters=1)
GROUPED = Shape(3, kv_heads=2, head_width=8, hidden=32, embedding=32, max_positions=None, parameters=1)
THREE = Linear(3, pooled=True)

CONFIGS = [
    {"method": "v2", "length": 5},
    {"method": "v2", "length": 5, "encoder": "mlp", "hidden": 6},
    {"method": "v2", "length": 5, "depth": 1},
    {"method": "v2", "length": 5, "layers": "1,3", "lengths": "5,2"},
    {"method": "v1", "length": 5, "encoder": "embedding"},
    {"method": "v1", "length": 5, "encoder": "mlp"},
    {"method": "v1", "length": 5, "encoder": "lstm", "hidden": 7},
    {"method": "prompt_tuning", "length": 5, "init": "normal"},
    {"method": "head"},
]
every_config = pytest.mark.parametrize("config", CONFIGS, ids=str)


def sized(shape: Shape = TINY, family: str = "bert", pooled: bool = False) -> Backbone:
    """A backbone of a stated size, without weights."""
    pooler = nn.Identity() if pooled else None
    return Backbone("made", "", nn.Identity(), None, FAMILIES[family], shape, pooler, None, 0, torch.device("cpu"))


def build(config: dict, shape: Shape = TINY, family: str = "bert", pooled: bool = False, seed: int = 1) -> Learner:
    spec = TrialSpec.from_config(config)
    return build_learner(spec.prompt, sized(shape, family, pooled), [THREE], seed, recipe=spec.recipe)


def same(one: Learner, other: Learner) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def test_a_prompt_in_all_layers_of_bert_large_has_49152_parameters_per_token():
    prompt = build({"method": "v2", "length": 3}, BERT_LARGE).prompt()
    assert count(prompt) == 3 * 49_152


def test_a_projected_prompt_on_bert_large_has_the_papers_sizes():
    length, hidden, width = 20, 512, 49_152
    projected = build({"method": "v2", "length": length, "encoder": "mlp", "hidden": hidden}, BERT_LARGE).prompt()
    assert count(projected) == length * 1024 + (1024 + 1) * hidden + (hidden + 1) * width


@pytest.mark.parametrize(
    ("config", "shape", "expected"),
    [
        ({"method": "v2", "length": 5}, TINY, (3, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5, "depth": 2}, TINY, (2, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5, "layers": "1,3"}, TINY, (2, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5, "layers": "2", "lengths": "3"}, TINY, (1, 2, 5, 4, 8)),
        ({"method": "v2", "length": 5}, GROUPED, (3, 2, 5, 2, 8)),
        ({"method": "v1", "length": 5}, TINY, (5, 16)),
        ({"method": "prompt_tuning", "length": 5, "init": "normal"}, TINY, (5, 16)),
    ],
)
def test_a_prompt_has_the_shape_of_its_backbone(config, shape, expected):
    assert build(config, shape).prompt()().shape == expected


def test_a_prompts_columns_are_layer_key_or_value_head_width():
    prompt = build({"method": "v2", "length": 2}).prompt()
    with torch.no_grad():
        prompt.encoder.table.copy_(torch.arange(2 * 192).view(2, 192))
    keys_and_values = prompt()
    layer, value, token, head, column = 1, 1, 1, 2, 3
    assert keys_and_values[layer, value, token, head, column] == 192 + ((layer * 2 + value) * 4 + head) * 8 + column


def test_sizes_left_out_are_the_papers():
    assert build({"method": "v1", "encoder": "lstm"}).prompt().encoder.lstm.hidden_size == 8
    assert build({"method": "v1", "encoder": "mlp"}).prompt().encoder.layers[0].out_features == 16
    assert build({"method": "v2", "encoder": "mlp"}).prompt().encoder.layers[0].out_features == 512


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
    if learner.prompt() is not None:
        assert torch.equal(tensors["prompt.0"], learner.prompt().encoder())
    assert tensors.keys() - {"prompt.0"} == {"head.0.out.weight", "head.0.out.bias"}
    assert not any(tensor.requires_grad for tensor in tensors.values())


@every_config
def test_a_collapsed_learner_loads_as_the_same_prompt_and_head(config):
    learner = build(config)
    loaded = load_learner(TrialSpec.from_config(config).prompt, sized(), [THREE], learner.collapsed())
    features = torch.randn(2, 32)
    assert torch.equal(loaded.head()(features), learner.head()(features))
    if learner.prompt() is not None:
        assert torch.equal(loaded.prompt()(), learner.prompt()())


@pytest.mark.parametrize(
    "change",
    [
        {"head.0.out.weight": torch.zeros(2, 32)},
        {"prompt.0": torch.zeros(4, 192)},
    ],
)
def test_tensors_that_do_not_fit_are_refused(change):
    config = {"method": "v2", "length": 5}
    tensors = build(config).collapsed() | change
    with pytest.raises(RuntimeError, match=r"the shape of .* must be \[[35], .*\], got \["):
        load_learner(TrialSpec.from_config(config).prompt, sized(), [THREE], tensors)


@pytest.mark.parametrize("left_out", ["head.0.out.weight", "prompt.0"])
def test_tensors_that_are_missing_are_asked_for(left_out):
    config = {"method": "v2", "length": 5}
    tensors = {name: tensor for name, tensor in build(config).collapsed().items() if name != left_out}
    with pytest.raises(RuntimeError, match=r"the shape of .* must be \[.*\], got none"):
        load_learner(TrialSpec.from_config(config).prompt, sized(), [THREE], tensors)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"depth": 4}, "depth <= 3 must hold on a backbone of 3 layers, got 4"),
        ({"layers": "1,4"}, "layers must lie within 1-3 on a backbone of 3 layers, got '1,4'"),
        ({"lengths": "4,4"}, "lengths must hold one length for each of the 3 chosen layers, got '4,4'"),
        ({"depth": 1, "lengths": "4,4"}, "lengths must hold one length for each of the 1 chosen layers, got '4,4'"),
    ],
)
def test_what_does_not_fit_the_backbones_layers_is_refused(config, message):
    with pytest.raises(SpecError) as caught:
        build({"method": "v2", **config})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("family", "pooled", "tensors"),
    [
        ("bert", True, {"out.weight", "out.bias"}),
        ("roberta", False, {"dense.weight", "dense.bias", "out.weight", "out.bias"}),
        ("llama", False, {"out.weight"}),
    ],
)
def test_the_head_is_the_familys_usual_one(family, pooled, tensors):
    assert build({"method": "head"}, family=family, pooled=pooled).head().state_dict().keys() == tensors


def test_a_head_of_every_position_has_no_pooler():
    learner = build_learner(PromptV2(), sized(family="roberta"), [Linear(5)], seed=1)
    assert learner.head().state_dict().keys() == {"out.weight", "out.bias"}
    assert learner.head().features == "states"


@pytest.mark.parametrize("output", [Verbalizer((((1,),), ((2,),))), Vocabulary()])
def test_a_language_head_has_nothing_to_train(output):
    learner = build_learner(PromptV2(length=2), sized(), [output], seed=1)
    assert learner.head().features == "words"
    assert learner.head_parameters == []
    assert learner.collapsed().keys() == {"prompt.0"}


def test_data_sets_share_a_prompt_and_have_heads_of_their_own():
    learner = build_learner(PromptV2(length=2), sized(), [Linear(2, pooled=True), THREE], seed=1)
    assert learner.prompt(0) is learner.prompt(1)
    assert [learner.head(part).out.out_features for part in (0, 1)] == [2, 3]
    assert {"prompt.0", "head.0.out.weight", "head.1.out.weight"} <= learner.collapsed().keys()


def test_data_sets_may_have_prompts_of_their_own():
    learner = build_learner(PromptV2(length=2), sized(), [Vocabulary(), Vocabulary()], seed=1, prompts=2)
    assert not torch.equal(learner.prompt(0)(), learner.prompt(1)())
    loaded = load_learner(PromptV2(length=2), sized(), [Vocabulary(), Vocabulary()], learner.collapsed())
    assert all(torch.equal(loaded.prompt(part)(), learner.prompt(part)()) for part in (0, 1))


def test_the_papers_frozen_random_pooler_is_kept_on_request():
    faithful = Recipe(faithful=True)
    learner = build_learner(PromptV2(length=2), sized(family="roberta"), [THREE], seed=1, recipe=faithful)
    assert not any(parameter.requires_grad for parameter in learner.head().dense.parameters())
    assert len(learner.head_parameters) == 2
    assert "head.0.dense.weight" in learner.collapsed()


def test_a_learner_starts_from_another_with_its_head_only_where_it_fits():
    config = {"method": "v2", "length": 5}
    given = build(config, seed=1)
    fresh = build(config, seed=2)
    start_from(fresh, given.collapsed())
    assert same(fresh, given)
    other = build_learner(PromptV2(length=5), sized(), [Linear(2, pooled=True)], seed=2)
    before = other.head().out.weight.clone()
    start_from(other, given.collapsed())
    assert torch.equal(other.prompt()(), given.prompt()())
    assert torch.equal(other.head().out.weight, before)


@pytest.mark.parametrize("change", [{"length": 4}, {"depth": 2}, {"encoder": "mlp"}, {"method": "head"}])
def test_a_prompt_of_another_shape_starts_nothing(change):
    given = build({"method": "v2", "length": 5}).collapsed()
    config = {"method": "head"} if "method" in change else {"method": "v2", "length": 5, **change}
    with pytest.raises(SpecError, match=r"the artifact's prompt of shape \[5, 192\] does not fit this trial's"):
        start_from(build(config), given)


def test_dropout_zeroes_the_stated_share_and_keeps_the_mean():
    prompt = build({"method": "v2", "length": 50, "dropout": 0.25}).prompt()
    ones = torch.ones_like(prompt())
    dropped = prompt.drop(ones, 4, torch.Generator().manual_seed(0))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    assert not torch.equal(dropped[0], dropped[1])


def test_dropout_draws_from_its_own_stream():
    prompt = build({"method": "v2", "length": 5, "dropout": 0.5}).prompt()
    draws = []
    for _ in range(2):
        torch.randn(3)
        draws.append(prompt.drop(prompt(), 2, torch.Generator().manual_seed(7)))
    assert torch.equal(*draws)


def test_a_v1_prompt_of_no_stated_width_takes_half_the_embedding():
    assert PromptV1().hidden is None
    assert build({"method": "v1", "encoder": "lstm"}, GROUPED).prompt().encoder.lstm.hidden_size == 16


# --- starts, on a backbone that has words ---


def started(backbone: Backbone, init: str, method: str = "prompt_tuning", length: int = 5, **config) -> torch.Tensor:
    spec = TrialSpec.from_config({"method": method, "length": length, "init": init, **config}).prompt
    encoder = build_learner(spec, backbone, [THREE], seed=1).prompt().encoder
    return (encoder.table if hasattr(encoder, "table") else encoder.seed.weight).detach()


def words(backbone: Backbone, text: str) -> torch.Tensor:
    return backbone.embed(torch.tensor(backbone.tokenizer(text, add_special_tokens=False)["input_ids"]))


@pytest.mark.parametrize("family", ["bert", "albert", "gpt2"])
def test_a_prompt_from_the_vocabulary_starts_at_words(family, tiny):
    backbone = tiny(family)
    vocabulary = backbone.embed(torch.arange(len(backbone.tokenizer)))
    table = started(backbone, "vocabulary", length=12)
    distances = torch.cdist(table, vocabulary).amin(dim=1)
    assert distances.max() < 1e-3
    assert len({tuple(vector) for vector in table.tolist()}) > 6
    assert torch.equal(table, started(backbone, "vocabulary", length=12))


@pytest.mark.parametrize(
    ("method", "config"),
    [
        ("prompt_tuning", {}),
        ("v1", {"encoder": "embedding"}),
        ("v1", {"encoder": "mlp"}),
        ("v1", {"encoder": "lstm"}),
    ],
)
def test_a_prompt_from_a_text_repeats_or_cuts_it(method, config, tiny):
    backbone = tiny("bert")
    table = started(backbone, "text: red green cold", method, 5, **config)
    torch.testing.assert_close(table, words(backbone, "red green cold red green"), atol=0, rtol=0)
    short = started(backbone, "text: red green cold", method, 2, **config)
    torch.testing.assert_close(short, words(backbone, "red green"), atol=0, rtol=0)


def test_a_start_is_a_copy_and_the_words_stay(tiny):
    backbone = tiny("bert")
    before = words(backbone, "red")
    prompt = build_learner(
        TrialSpec.from_config({"method": "prompt_tuning", "length": 1, "init": "text: red"}).prompt,
        backbone,
        [THREE],
        1,
    ).prompt()
    with torch.no_grad():
        prompt.encoder.table.zero_()
    assert torch.equal(words(backbone, "red"), before)


def test_a_tuned_backbone_is_a_copy_that_trains_with_everything_else(tiny):
    backbone = tiny("bert")
    spec = TrialSpec.from_config({"method": "v2", "length": 2, "backbone_lr": 1e-3})
    learner = build_learner(spec.prompt, backbone, [THREE], 1, recipe=spec.recipe)
    assert learner.needs_own_pass
    assert count(learner) == backbone.shape.parameters + count(learner.prompts) + count(learner.heads)
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    with torch.no_grad():
        next(iter(learner.body.parameters())).add_(1.0)
    loaded = load_learner(spec.prompt, backbone, [THREE], learner.collapsed())
    assert same(loaded, learner)
    assert not torch.equal(next(iter(loaded.body.parameters())), next(backbone.parameters()))
