import pytest

import ptune


@pytest.mark.parametrize(
    ("call", "law"),
    [
        (
            lambda: ptune.search({}, set=["budget.trials=4"]),
            'set: a dictionary such as {"budget.trials": 4} belongs here',
        ),
        (lambda: ptune.search({}, set="budget.trials=4"), "set: a dictionary"),
        (lambda: ptune.search({}, runs=5), "runs: a path belongs here, as a string or a Path, got int 5"),
        (lambda: ptune.open(None), "name: a path belongs here, as a string or a Path, got NoneType None"),
        (lambda: ptune.load(None), "folder: a path belongs here"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(call, law):
    with pytest.raises(ptune.SpecError) as raised:
        call()
    assert str(raised.value).startswith(law)
