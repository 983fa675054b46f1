"""The laws about results that could be better, or mean less: each where it must speak, and close by where not."""

import math

import pytest

from ptune.diagnosis.diagnose import diagnose
from ptune.diagnosis.edges import edges
from ptune.diagnosis.few_trials import few_trials
from ptune.diagnosis.horizon import horizon
from ptune.diagnosis.lead import lead
from ptune.diagnosis.optimism import optimism
from ptune.diagnosis.overfitting import overfitting
from support.made_histories import curve, history_of, trial

MEDIOCRE = [trial(0.6, lr=rate) for rate in (2e-4, 5e-4, 1e-3, 2e-3, 5e-3)]


def best_at(*rates, **values):
    """Some of the best trials, best first, at these rates."""
    return [trial(0.9 - 0.01 * rank, lr=rate, **values) for rank, rate in enumerate(rates)]


def test_the_best_at_the_high_end_of_a_range_widen_it():
    (found,) = edges(history_of([*best_at(0.095, 0.08, 0.06), *MEDIOCRE]))
    assert found.text == (
        "The best 3 configurations lie at the high end of lr: the best has 0.095, and the high end is 0.1."
    )
    assert found.typed == "--set 'space.parameters.lr={low=0.0001, high=0.3, log=true}'"
    assert found.trials == [0, 1, 2]


def test_the_best_at_the_low_end_of_a_range_widen_it():
    (found,) = edges(history_of([*best_at(1.1e-4, 1.3e-4, 1.5e-4), *[trial(0.6, lr=0.01 * n) for n in range(1, 6)]]))
    assert found.typed == "--set 'space.parameters.lr={low=3e-05, high=0.1, log=true}'"


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ((0.095, 0.08, 0.01), "the third lies elsewhere"),
        ((0.06, 0.095, 0.08), "the very best does not lie at the end"),
    ],
)
def test_a_few_good_trials_near_an_end_may_be_luck(rates, why):
    assert edges(history_of([*best_at(*rates), *MEDIOCRE])) == [], why


def test_of_few_configurations_nothing_is_said():
    assert edges(history_of([*best_at(0.095, 0.08, 0.06), *MEDIOCRE[:4]])) == []


@pytest.mark.parametrize(
    ("name", "definition", "value"),
    [
        ("depth", {"low": 1, "high": "layers"}, 12),
        ("depth", {"low": 1, "high": "layers"}, 1),
        ("dropout", {"low": 0.0, "high": 0.5}, 0.0),
        ("length", {"low": 1, "high": 64, "log": True}, 1),
    ],
)
def test_an_end_that_is_a_hard_limit_is_not_told(name, definition, value):
    rest = [value + 2 if value < 5 else value - 3] * 5 if name != "dropout" else [0.3] * 5
    space = {name: definition, "lr": {"value": 0.01}}
    made = [trial(0.9 - 0.01 * rank, **{name: value}) for rank in range(3)]
    made += [trial(0.6 - 0.01 * rank, **{name: other}) for rank, other in enumerate(rest)]
    for rank, one in enumerate(made):
        one.config["warmup"] = rank / 100  # configurations of their own
    assert edges(history_of(made, space)) == []


def test_a_depth_below_the_layers_can_still_grow():
    made = [trial(0.9 - 0.01 * rank, depth=depth) for rank, depth in enumerate((8, 8, 8, 3, 2, 4, 1, 5))]
    for rank, one in enumerate(made):
        one.config["warmup"] = rank / 100
    (found,) = edges(history_of(made, {"depth": {"low": 1, "high": 8}, "lr": {"value": 0.01}}))
    assert found.typed == "--set 'space.parameters.depth={low=1, high=12}'"


def test_choices_have_an_end_too():
    sizes = (64, 64, 64, 64, 64, 8, 16, 32, 16, 8)
    made = [trial(0.9 - 0.01 * rank, batch_size=size, lr=0.001 * (rank + 1)) for rank, size in enumerate(sizes)]
    space = {"batch_size": {"choices": [8, 16, 32, 64]}, "lr": {"low": 1e-4, "high": 1.0, "log": True}}
    (found,) = edges(history_of(made, space))
    assert found.typed == "--set 'space.parameters.batch_size={choices=[8, 16, 32, 64, 128]}'"


def test_names_have_no_ends():
    made = [trial(0.9 - 0.01 * rank, schedule="linear" if rank < 5 else "constant") for rank in range(10)]
    for rank, one in enumerate(made):
        one.config["warmup"] = rank / 100
    assert edges(history_of(made, {"schedule": {"choices": ["linear", "constant"]}})) == []


def test_a_definition_among_several_is_told_by_its_condition():
    space = {
        "method": {"choices": ["v1", "v2"]},
        "lr": [
            {"low": 1e-4, "high": 1e-1, "log": True, "when": {"method": "v2"}},
            {"low": 1e-5, "high": 1e-2, "log": True, "when": {"method": "v1"}},
        ],
    }
    (found,) = edges(history_of([*best_at(0.095, 0.08, 0.06), *MEDIOCRE], space))
    assert found.typed == 'high = 0.3 in [[parameters.lr]] with when = {method="v2"}'


def test_a_trial_that_still_gets_better_wants_more_epochs():
    (found,) = horizon(history_of([curve([0.6, 0.7, 0.8])]))
    assert found.text == (
        "The best trial (0) was best in its last epoch, 3, and its loss on dev still fell: from 0.5 to 0.4 in "
        "that epoch."
    )
    assert found.typed == "--set budget.epochs=6"


@pytest.mark.parametrize(
    "made",
    [
        curve([0.6, 0.8, 0.7]),
        curve([0.6, 0.7, 0.8], loss=[0.5, 0.4, 0.41]),
        curve([0.6, 0.7, 0.71], loss=[0.5, 0.4, 0.399]),
        curve([0.6, 0.7, 0.8], status="stopped"),
        curve([0.8]),
    ],
    ids=["best before", "loss rises", "loss hardly falls", "stopped", "one epoch"],
)
def test_a_trial_that_has_settled_does_not(made):
    assert horizon(history_of([made])) == []


def test_horizons_that_are_searched_grow_with_the_budget():
    history = history_of([curve([0.6, 0.7, 0.8], {"epochs": 3})], {"epochs": {"choices": [2, 3]}}, **FULL)
    assert horizon(history)[0].typed == "--set budget.epochs=6 --set 'space.parameters.epochs={choices=[2, 3, 6]}'"


FULL = {"budget": {"trials": 1, "epochs": 3, "stopping": {"type": "none"}}}
FORGETS = {"loss": [0.5, 0.6, 0.7, 0.8], "train_loss": [0.5, 0.3, 0.2, 0.1]}


def test_a_trial_that_forgets_what_serves_others_overfits():
    (found,) = overfitting(history_of([curve([0.8, 0.75, 0.7, 0.65], **FORGETS)]))
    assert found.text == (
        "The best trial (0) overfits: from epoch 1 to 4, its loss in training fell from 0.5 to 0.1, and accuracy on "
        "dev from 0.8 to 0.65."
    )
    assert found.typed == "--set budget.epochs=2"


@pytest.mark.parametrize(
    ("accuracies", "columns"),
    [
        ([0.8, 0.79, 0.79, 0.79], FORGETS),
        ([0.8, 0.75, 0.7, 0.65], FORGETS | {"train_loss": [0.5, 0.6, 0.6, 0.6]}),
        ([0.8, 0.75, 0.7, 0.65], FORGETS | {"loss": [0.5, 0.5, 0.5, 0.5]}),
        ([0.7, 0.75, 0.8, 0.65], FORGETS),
    ],
    ids=["within the noise", "training got worse as well", "the loss on dev is the same", "best late"],
)
def test_a_trial_that_got_worse_for_another_reason_does_not(accuracies, columns):
    assert overfitting(history_of([curve(accuracies, **columns)])) == []


def test_a_lead_within_the_noise_of_dev_is_told():
    (found,) = lead(history_of([trial(0.8, lr=0.01), trial(0.79, lr=0.02), trial(0.6, lr=0.03)]))
    assert found.text == (
        "The best configuration leads the second by 0.01, and the standard error of a score on 200 dev examples is "
        "0.0283. The order of the two may be chance."
    )
    assert found.typed == "ptune confirm made --top 2 --seeds 5"
    assert found.trials == [0, 1]


@pytest.mark.parametrize(
    ("second", "options"),
    [(0.76, {}), (0.79, {"rows": 20_000}), (0.79, {"ended": None}), (0.79, {"ended": "interrupted"})],
)
def test_a_lead_beyond_the_noise_or_of_an_unfinished_search_is_not(second, options):
    assert lead(history_of([trial(0.8, lr=0.01), trial(second, lr=0.02)], **options)) == []


def test_a_lead_in_a_metric_without_a_known_error_is_not():
    made = [trial(0.8, lr=0.01), trial(0.79, lr=0.02)]
    for one in made:
        one.reports[0]["macro_f1"] = one.reports[0]["accuracy"]
    assert lead(history_of(made, task={"metric": "macro_f1", "data": {"source": "builtin:none"}})) == []


def test_repetitions_say_how_far_a_lead_varies():
    def repeated(first, second):
        made = [trial(value, lr=0.01, repeat=n) for n, value in enumerate(first)]
        return history_of([*made, *[trial(value, lr=0.02, repeat=n) for n, value in enumerate(second)]], rows=100_000)

    (found,) = lead(repeated([0.7, 0.9], [0.65, 0.93]))
    assert "the standard error of that difference over 2 repetitions is 0.172" in found.text
    assert found.evidence["standard_error"] == pytest.approx(math.hypot(0.1, 0.14))
    assert lead(repeated([0.80, 0.81], [0.70, 0.71])) == []


def test_a_test_score_far_below_dev_is_told():
    (found,) = optimism(history_of([trial(0.9)], test=0.8))
    assert "The best prompt scores 0.9 on dev and 0.8 on test." in found.text
    assert found.typed == "ptune confirm made --top 3 --seeds 5"


@pytest.mark.parametrize(("test", "rows"), [(0.86, 200), (0.8, 50), (0.95, 200), (None, 200)])
def test_a_test_score_that_the_sizes_explain_is_not(test, rows):
    assert optimism(history_of([trial(0.9)], test=test, rows=rows)) == []


def test_a_search_of_as_many_parameters_as_trials_is_told():
    (found,) = few_trials(history_of([trial(), trial(lr=0.02)]))
    assert found.text == "2 trials are too few to tell 2 searched parameters apart."
    assert found.typed == "--set budget.trials=20"


def test_a_search_of_one_more_trial_is_not():
    assert few_trials(history_of([trial(), trial(lr=0.02), trial(lr=0.03)])) == []


def test_a_grid_has_as_many_trials_as_it_needs():
    space = {"lr": {"choices": [0.01, 0.02]}, "length": {"choices": [4, 8]}}
    budget = {"trials": 4, "epochs": 1, "sampler": "grid"}
    assert few_trials(history_of([trial()], space, budget=budget)) == []


def test_while_training_does_not_work_nothing_is_said_of_better_results():
    made = [trial(0.8, moved=0.001, lr=0.01), trial(0.79, moved=0.001, lr=0.02)]
    assert [found.kind for found in diagnose(history_of(made))] == ["standstill"]
    for one in made:
        one.reports[0]["prompt_moved"] = 1.0
    assert [found.kind for found in diagnose(history_of(made))] == ["lead", "few_trials"]


def test_a_range_in_which_training_fails_is_not_to_be_widened():
    made = [*best_at(0.095, 0.08, 0.06), *MEDIOCRE]
    assert "edge" in [found.kind for found in diagnose(history_of(made))]
    made.append(trial(status="failed", reason="diverged: loss is nan in epoch 1", lr=0.099))
    assert "edge" not in [found.kind for found in diagnose(history_of(made))]


def test_of_a_search_that_has_not_begun_nothing_is_said():
    assert diagnose(history_of([], ended=None)) == []
