"""Which parameters tell trials apart, and their order."""

import random

import pytest

from ptune.record.events import Suggested
from ptune.record.history import History
from ptune.spec.space import Space
from ptune.spec.varied import constant, varied
from support.made_headers import header_of
from support.played import make_job

SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "when": {"encoder": ["embedding", "mlp"]}},
    "depth": {"low": 1, "high": "layers", "when": {"method": "v2"}},
    "length": {"low": 4, "high": 32},
    "encoder": {"choices": ["embedding", "mlp"]},
    "warmup": {"value": 0.06},
    "method": {"choices": ["v1", "v2"]},
}


def test_the_method_is_first_then_the_written_order_with_conditions_before_what_needs_them():
    assert varied(Space(parameters=SPACE)) == ["method", "encoder", "lr", "depth", "length"]


def test_a_parameter_is_searched_before_any_trial_has_a_second_value():
    """The depth of a search whose first trials all have the same one."""
    space = {"parameters": {"method": {"value": "v2"}, "depth": {"low": 1, "high": "layers"}, "lr": {"value": 0.01}}}
    assert varied(Space(**space)) == ["method", "depth"]
    history = History.of([header_of(make_job(space=space)), Suggested(0, {"lr": 0.01, "depth": 6, "method": "v2"})])
    assert list(history.trials[0].config) == ["method", "depth", "lr"]


def test_defaults_that_methods_have_apart_tell_trials_apart():
    space = Space(parameters={"method": {"choices": ["v1", "v2"]}, "lr": {"value": 0.01}})
    assert varied(space) == ["method", "length", "encoder"]
    assert (constant(space)["lr"], "length" in constant(space)) == (0.01, False)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_never_lets_a_parameter_stand_before_its_condition(seed):
    names = list(SPACE)
    random.Random(seed).shuffle(names)
    order = varied(Space(parameters={name: SPACE[name] for name in names}))
    assert order.index("method") < order.index("depth")
    assert order.index("encoder") < order.index("lr")
    free = [name for name in names if name in ("length", "encoder")]
    assert [name for name in order if name in free] == free or names.index("lr") < names.index("length")
