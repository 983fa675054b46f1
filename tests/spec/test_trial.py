"""A flat configuration becomes a prompt and a recipe, and back."""

import pytest

from ptune.errors import SpecError
from ptune.spec.prompt import METHODS, ManualPrompt, NoPrompt, PromptTuning, PromptV1, PromptV2
from ptune.spec.trial import Protocol, Recipe, TrialSpec, broken_law, parameter_names


def test_a_configuration_is_shared_out_among_prompt_and_recipe():
    spec = TrialSpec.from_config({"method": "v1", "length": 6, "encoder": "mlp", "lr": 0.5, "batch_size": 8})
    assert spec.prompt == PromptV1(length=6, encoder="mlp")
    assert spec.recipe == Recipe(lr=0.5, batch_size=8)


@pytest.mark.parametrize(
    "spec",
    [
        TrialSpec(prompt=PromptV1(template="[P] {text}", hidden=32), recipe=Recipe(clip=None)),
        TrialSpec(prompt=PromptV2(depth=3, side="first", dropout=0.1), recipe=Recipe(head_lr=1e-3)),
        TrialSpec(prompt=NoPrompt(), recipe=Recipe(backbone_lr=2e-5, backbone_weight_decay=0.01)),
        TrialSpec(prompt=PromptTuning(init="text: is it good"), recipe=Recipe(schedule="exponential", gamma=0.9)),
        TrialSpec(prompt=ManualPrompt(template="{text} [MASK]"), head="verbalizer"),
        TrialSpec(prompt=PromptV2(layers="1-2,4"), protocol=Protocol(epochs=3, split=1, repeat=2)),
    ],
)
def test_a_spec_survives_as_a_flat_configuration(spec):
    config = spec.to_config()
    assert TrialSpec.from_config(config) == spec
    assert set(config) == parameter_names(spec.prompt.method)
    assert not any(isinstance(value, dict | list) for value in config.values())


def test_a_trials_identity_is_apart_from_how_it_trains():
    config = {"method": "v2", "repeat": 3, "split": 1, "epochs": 2, "lr": 0.1, "head": "linear", "faithful": True}
    spec = TrialSpec.from_config(config)
    assert spec.protocol == Protocol(epochs=2, split=1, repeat=3)
    assert spec.recipe == Recipe(lr=0.1, faithful=True)
    assert spec.head == "linear"


def test_without_a_method_it_is_v2():
    assert TrialSpec.from_config({}).prompt == PromptV2()


def test_an_unknown_method_is_named_with_the_nearest():
    with pytest.raises(SpecError) as caught:
        TrialSpec.from_config({"method": "v22"})
    assert str(caught.value) == (
        "method must be one of ['head', 'manual', 'prompt_tuning', 'v1', 'v2'], got 'v22'; did you mean 'v2'?"
    )


def test_every_problem_is_reported():
    with pytest.raises(SpecError) as caught:
        TrialSpec.from_config({"method": "v1", "lenght": 3, "depth": 2, "lr": -1.0, "encoder": "lstmm"})
    message = str(caught.value)
    assert "lenght is not a parameter of method 'v1'; did you mean 'length'?" in message
    assert "depth is not a parameter of method 'v1'" in message
    assert "lr: Input should be greater than 0, got -1.0" in message
    assert "encoder: Input should be 'embedding', 'mlp' or 'lstm', got 'lstmm'; did you mean 'lstm'?" in message


@pytest.mark.parametrize("value", [True, "8", 8.5, float("nan")])
def test_a_number_is_a_number_and_nothing_like_one(value):
    with pytest.raises(SpecError, match="length: Input should be a "):
        TrialSpec.from_config({"length": value})


def test_the_law_of_one_parameter_can_be_asked_for():
    assert broken_law("v1", "encoder", "lstm") is None
    assert broken_law("v2", "encoder", "lstm") == "Input should be 'embedding' or 'mlp', got 'lstm'"
    assert broken_law("head", "lr", 0.0) == "Input should be greater than 0, got 0.0"


def test_parameter_names_are_those_of_all_methods():
    assert parameter_names() == set().union(*map(parameter_names, METHODS))
    assert "depth" not in parameter_names("v1")
    assert {"method", "lr"} <= parameter_names("head")


@pytest.mark.parametrize(
    ("config", "law"),
    [
        ({"hidden": 64}, "hidden = 64 does nothing under encoder = 'embedding'"),
        (
            {"method": "v1", "encoder": "embedding", "hidden": 64},
            "hidden = 64 does nothing under encoder = 'embedding'",
        ),
        ({"side": "first", "layers": "1-2"}, "side = 'first' does nothing without depth"),
        ({"method": "head", "gamma": 0.9}, "gamma = 0.9 does nothing under schedule = 'linear'"),
        ({"backbone_weight_decay": 0.1}, "backbone_weight_decay = 0.1 does nothing without backbone_lr"),
    ],
)
def test_what_would_do_nothing_is_refused(config, law):
    with pytest.raises(SpecError) as caught:
        TrialSpec.from_config(config)
    assert str(caught.value) == law
    assert TrialSpec.of_some(config), "another parameter may still be added"
