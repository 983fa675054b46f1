import pytest
from pydantic import ValidationError

from ptune.errors import SpecError
from ptune.spec.parameter import Parameter
from ptune.spec.problem import Problem
from ptune.spec.prompt import METHODS
from ptune.spec.space import Space

METHOD = {"choices": ["v1", "v2"]}
LR = {"low": 1e-4, "high": 1e-1, "log": True}


def space(baseline=(), **parameters):
    return Space.model_validate({"parameters": parameters, "baseline": list(baseline)})


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({}, "exactly one of"),
        ({"low": 1, "high": 2, "value": 1}, "exactly one of"),
        ({"low": 1}, "needs both low and high"),
        ({"low": 3, "high": 2}, "low <= high must hold, got low=3, high=2"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low > 0 must hold on a log scale"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "log and step cannot be combined"),
        ({"low": 1, "high": 9, "step": 0.5}, "must be an integer, got 0.5"),
        ({"choices": [1, 1]}, "must differ"),
        ({"choices": ["a"], "log": True}, "belong to a range"),
        ({"choices": []}, "at least 1 item"),
        ({"low": 1, "high": 9, "expected": 10}, "low <= expected <= high must hold, got expected=10, low=1, high=9"),
        ({"low": 1, "high": 9, "spread": 0.1}, "none is stated, got spread=0.1"),
        ({"low": 1, "high": 9, "expected": 3, "spread": 0.0}, "greater than or equal to 0.01"),
        ({"choices": ["a", "b"], "expected": 1}, "give choices weights"),
        ({"value": 1, "expected": 1}, "a constant is always its value"),
        ({"choices": ["a", "b"], "weights": [1.0]}, "one for each choice, got 1 for 2 choices"),
        ({"choices": ["a", "b"], "weights": [1.0, 0.0]}, "greater than 0"),
        ({"low": 1, "high": 9, "weights": [1.0]}, "got 1 for no choices"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(stated, message):
    with pytest.raises(ValidationError, match=message):
        Parameter.model_validate(stated)


@pytest.mark.parametrize(
    ("stated", "inside", "outside"),
    [
        ({"low": 1, "high": 9}, [1, 9], [0, 10, 2.5, True, "1"]),
        ({"low": 4, "high": 11, "step": 3}, [4, 7, 10], [5, 11]),
        ({"low": 0.0, "high": 0.5, "step": 0.1}, [0, 0.3, 0.5], [0.25, 0.6]),
        ({"low": 1e-4, "high": 1.0}, [1, 0.5], [2, True]),
        ({"choices": ["a", "b"]}, ["a"], ["c"]),
        ({"value": 16}, [16], [17]),
    ],
)
def test_what_a_parameter_contains(stated, inside, outside):
    parameter = Parameter.model_validate(stated)
    assert all(parameter.contains(value) for value in inside)
    assert not any(parameter.contains(value) for value in outside)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lenght": LR}, "did you mean 'length'"),
        ({"lr": {**LR, "when": {"method": "v2"}}}, "names method, which this space does not define"),
        ({"method": METHOD, "lr": {**LR, "when": {"method": "v3"}}}, "method = 'v3', which is never chosen"),
        ({"lr": LR, "length": {"value": 2, "when": {"lr": 0.1}}}, "needs a parameter with choices, and lr is a range"),
        ({"method": {"value": "v2"}, "lr": {**LR, "when": {"method": "v1"}}}, "never chosen"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        space(**parameters)


def laws(**parameters) -> dict[tuple, str]:
    """Each broken law by its place, without the word `parameters`."""
    with pytest.raises(ValidationError) as caught:
        space(**parameters)
    return {issue["loc"][1:]: issue["msg"] for issue in caught.value.errors()}


def test_all_problems_are_told_each_at_its_key():
    found = laws(methd=METHOD, lenght=LR, lr={"low": 1})
    assert list(found) == [("methd", "[key]"), ("lenght", "[key]"), ("lr", 0)]
    assert found["methd", "[key]"].startswith("not a parameter; did you mean 'method'? (valid: backbone_lr, ")
    found = laws(method=METHOD, lr={**LR, "when": {"methd": "v1"}}, clip={"value": 1.0, "when": {"method": "v3"}})
    assert list(found) == [("lr", 0, "when"), ("clip", 0, "when")]
    found = laws(method=METHOD, lr=[LR, LR], batch_size={"value": 0})
    assert list(found) == [("lr",), ("batch_size", 0, "value")]


@pytest.mark.parametrize(
    ("name", "stated", "place", "message"),
    [
        ("encoder", {"choices": ["lstmm", "mlp"]}, "choices", "'lstm', got 'lstmm'; did you mean 'lstm'?"),
        ("lr", {"low": -1.0, "high": 0.1}, "low", "should be greater than 0, got -1.0"),
        ("warmup", {"low": 0.0, "high": 1.5}, "high", "should be less than 1, got 1.5"),
        ("length", {"low": 1.0, "high": 8.0}, "high", "should be a valid integer, got 8.0"),
        ("schedule", {"value": "cosine"}, "value", "'constant', 'linear' or 'exponential', got 'cosine'"),
        ("method", {"choices": ["v1", "v3"]}, "choices", f"method must be one of {sorted(METHODS)}, got 'v3'"),
        ("method", {"choices": ["v1", None]}, "choices", f"method must be one of {sorted(METHODS)}, got None"),
        ("method", {"low": 1, "high": 2}, "low", f"method must be one of {sorted(METHODS)}, got 1"),
    ],
)
def test_a_value_that_no_trial_can_hold_is_refused(name, stated, place, message):
    assert message in laws(**{"method": METHOD, name: stated})[name, 0, place]


def test_a_value_that_one_method_cannot_hold_is_refused_with_a_way_out():
    found = laws(method=METHOD, encoder={"choices": ["mlp", "lstm"]})
    assert found["encoder", 0, "choices"].endswith(
        "got 'lstm' under method 'v2'; state encoder for each method, with `when`"
    )
    by_method = [
        {"choices": ["mlp", "lstm"], "when": {"method": "v1"}},
        {"choices": ["mlp", "embedding"], "when": {"method": "v2"}},
    ]
    assert space(method=METHOD, encoder=by_method)


@pytest.mark.parametrize(
    ("method", "name", "stated", "message"),
    [
        (["v1", "v2"], "depth", {"low": 1, "high": "layers"}, """of method 'v1'; add `when = { method = "v2" }`"""),
        (["v1", "head", "v2"], "length", {"value": 8}, """of method 'head'; add `when = { method = ["v1", "v2"] }`"""),
        (["v1"], "depth", {"value": 2}, "of method 'v1', and the space chooses no method that has it (v2)"),
        (
            None,
            "template",
            {"value": "after"},
            "of method 'v2', and the space chooses no method that has it (v1, manual)",
        ),
    ],
)
def test_a_parameter_that_a_method_does_not_have_is_refused(method, name, stated, message):
    methods = {"method": {"choices": method}} if method else {}
    assert laws(**methods, **{name: stated})[name, 0] == f"{name} is not a parameter {message}"


def test_a_condition_on_another_parameter_of_the_method_is_enough():
    assert space(
        method={"choices": ["v1", "v2", "head"]},
        side={"choices": ["last", "first"], "when": {"method": "v2"}},
        depth={"low": 1, "high": "layers", "when": {"side": ["last", "first"]}},
        lr=LR,
    )


MLP = {"encoder": "mlp"}


@pytest.mark.parametrize(
    ("parameters", "law"),
    [
        (
            {"encoder": {"choices": ["embedding", "mlp"]}, "hidden": {"low": 64, "high": 512}},
            r"hidden does nothing under encoder = 'embedding'; add `when = { encoder = \"mlp\" }`",
        ),
        ({"hidden": {"value": 64}}, "and the space chooses no encoder with which it does"),
        ({"side": {"choices": ["last", "first"]}}, "side does nothing without depth; state depth, or leave it out"),
        (
            {
                "encoder": {"choices": ["embedding", "mlp"]},
                "depth": {"value": 2, "when": MLP},
                "side": {"value": "first"},
            },
            "side does nothing without depth; give it the `when` of depth",
        ),
        ({"gamma": {"choices": [0.9, 0.95]}}, "gamma does nothing under schedule = 'linear'"),
        ({"backbone_weight_decay": {"value": 0.1}}, "does nothing without backbone_lr"),
    ],
)
def test_a_parameter_that_does_nothing_in_some_trials_is_refused(parameters, law):
    with pytest.raises(ValidationError, match=law):
        space(method={"value": "v2"}, **parameters)


def test_a_parameter_with_what_it_needs_beside_it_and_a_default_are_fine():
    point = {"backbone_weight_decay": 0.1, "side": "first"}
    assert space(
        baseline=[point],
        method={"value": "v2"},
        encoder={"choices": ["embedding", "mlp"]},
        hidden={"low": 64, "high": 512, "when": MLP},
        depth={"low": 1, "high": 3},
        side={"choices": ["last", "first"]},
        gamma={"value": 0.95},
        backbone_lr={"low": 1e-5, "high": 1e-4},
        backbone_weight_decay={"value": 0.1},
    ).resolved(3), "what a point leaves out may still be proposed"


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(ValidationError, match="circle"):
        space(
            method={"choices": ["v1", "v2"], "when": {"encoder": "mlp"}},
            encoder={"choices": ["mlp"], "when": {"method": "v1"}},
        )


@pytest.mark.parametrize(
    "conditions",
    [
        ({}, {}),
        ({"method": "v2"}, {"method": ["v1", "v2"]}),
        ({"method": "v2"}, {"encoder": "mlp"}),
        ({}, {"method": "v1"}),
    ],
)
def test_definitions_that_hold_at_once_are_refused(conditions):
    with pytest.raises(ValidationError, match=r"parameters\.lr\s+two of its definitions hold at once under"):
        space(
            method=METHOD,
            encoder={"choices": ["mlp", "embedding"]},
            lr=[{**LR, "when": condition} for condition in conditions],
        )


def test_definitions_apart_through_another_parameters_condition_are_fine():
    apart = space(
        method=METHOD,
        positions={"choices": ["auto", "unshifted"], "when": {"method": "v2"}},
        lr=[{**LR, "when": {"method": "v1"}}, {**LR, "when": {"positions": ["auto", "unshifted"]}}],
    )
    assert len(apart.parameters["lr"]) == 2


def test_order_puts_conditions_first():
    ordered = space(depth={"value": 2, "when": {"method": "v2"}}, lr=LR, method=METHOD).ordered()
    names = [name for name, _ in ordered]
    assert names.index("method") < names.index("depth")


def test_layers_become_the_backbones_number():
    depth = space(depth={"low": 1, "high": "layers"}).resolved(6).parameters["depth"][0]
    assert (depth.low, depth.high, depth.integer) == (1, 6, True)
    with pytest.raises(SpecError, match="got low=8, high=6 on a backbone of 6 layers"):
        space(depth={"low": 8, "high": "layers"}).resolved(6)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"method": "v3"}, "method = 'v3' lies outside"),
        ({"method": "v2", "lr": 1.0}, "lr = 1.0 lies outside"),
        ({"method": "v1", "depth": 2}, "depth does not exist under this point's choices"),
        ({"method": "v2", "depth": 9}, "depth = 9 lies outside"),
        ({"method": "v1", "lenght": 2}, "lenght does not exist"),
    ],
)
def test_a_baseline_point_outside_the_space_is_refused(point, message):
    depth = {"low": 1, "high": "layers", "when": {"method": "v2"}}
    with pytest.raises(SpecError, match=message):
        space([point], method=METHOD, depth=depth, lr=LR).resolved(6)


def test_every_misfit_of_the_baseline_is_a_problem_at_its_key():
    stated = space([{"lr": 1.0}, {"lenght": 2}], lr=LR, length={"value": 2})
    assert stated.problems_on(6) == [
        Problem(("baseline", 0, "lr"), "lr = 1.0 lies outside its range"),
        Problem(("baseline", 1, "lenght"), "lenght does not exist under this point's choices; did you mean 'length'?"),
    ]


def test_a_range_that_a_backbone_empties_is_a_problem_at_its_key():
    stated = space(depth=[{"low": 8, "high": "layers"}])
    law = "low <= high must hold, got low=8, high=6 on a backbone of 6 layers"
    assert stated.problems_on(6) == [Problem(("parameters", "depth", 0), law)]
    assert stated.problems_on(8) == []


def test_a_baseline_point_may_leave_parameters_out():
    resolved = space([{"method": "v2"}, {"lr": 0.01}, {}], method=METHOD, lr=LR).resolved(6)
    assert len(resolved.baseline) == 3


def test_a_space_survives_json():
    written = space(
        [{"method": "v1", "lr": 0.01}], method=METHOD, lr=[{"low": 1.0, "high": 10, "when": {"method": "v1"}}]
    )
    assert Space.model_validate_json(written.model_dump_json()) == written
    assert not written.parameters["lr"][0].integer


def test_what_every_trial_of_a_method_has():
    searched = space(
        method={"choices": ["v1", "v2"]},
        depth={"low": 1, "high": 4, "when": {"method": "v2"}},
        encoder={"choices": ["embedding", "lstm"], "when": {"method": "v1"}},
        hidden={"low": 8, "high": 64, "when": {"encoder": "lstm"}},
        lr=[
            {"low": 0.01, "high": 0.1, "when": {"encoder": "lstm"}},
            {"low": 0.001, "high": 0.1, "when": {"encoder": "embedding"}},
        ],
    )
    assert [name for name in searched.parameters if searched.always_has("v1", name)] == ["method", "encoder", "lr"]
    assert searched.always_has("v2", "depth")
    assert not searched.always_has("v1", "depth")


def test_what_is_expected_lies_in_the_range_that_a_backbone_leaves():
    depths = space(depth={"low": 1, "high": "layers", "expected": 10})
    assert depths.resolved(12).parameters["depth"][0].expected == 10
    with pytest.raises(SpecError, match="expected=10, low=1, high=6 on a backbone of 6 layers"):
        depths.resolved(6)
    top = space(depth={"low": 1, "high": "layers", "expected": "layers"})
    assert top.resolved(6).parameters["depth"][0].expected == 6
    assert top.expected == ["depth"]
    assert space(lr=LR).expected == []
