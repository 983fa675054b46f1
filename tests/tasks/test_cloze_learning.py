"""Prompts find what a language model knows: facts that a poor manual prompt misses, of people unseen in training."""

from pathlib import Path

import pytest

from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec.job import Job
from support.made_up_facts import PROBED, make_causal, make_masked, write_facts

MAKERS = {"masked": make_masked, "causal": make_causal}
PROMPT = {"method": "v1", "length": 4, "encoder": "embedding", "lr": 0.03, "batch_size": 8} | {
    "template": "[P:1] {sub_label} [P:3] [MASK]"
}


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    """A function from a kind of language model to the folder of one that has read the facts."""
    from functools import cache

    folder = tmp_path_factory.mktemp("knowing")
    return cache(lambda kind: MAKERS[kind](folder / kind))


def scores(backbone: Path, folder: Path, epochs: int, **config) -> dict[str, float]:
    """Scores on people of whom neither training nor the choice of the epoch has seen any: the last six of forty."""
    folder.mkdir()
    files = write_facts(folder)
    parts = {"train": f"{files}[:70%]", "dev": f"{files}[70%:85%]", "test": f"{files}[85%:]"}
    job = Job.model_validate(
        {
            "name": "facts",
            "seed": 1,
            "backbone": {"id": str(backbone), "dtype": "float32"},
            "task": {"kind": "cloze", "data": {**parts, "relations": PROBED, "max_length": 16}},
            "space": {"parameters": {name: {"value": value} for name, value in config.items()}},
            "budget": {"trials": 1, "epochs": epochs, "stopping": {"type": "none"}},
            "resources": {"device": "cpu"},
            "tracking": {"type": "none"},
        }
    )
    return start_search(job, "", folder / "runs", LocalRunner()).conclusion.test


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_learned_prompts_recover_facts_that_a_poor_prompt_misses(kind, knowing, tmp_path):
    read = scores(knowing(kind), tmp_path / "read", 1, method="manual", template="{sub_label} lives in [MASK]")
    poor = scores(knowing(kind), tmp_path / "poor", 1, method="manual", template="{sub_label} never [MASK]")
    learned = scores(knowing(kind), tmp_path / "learned", 30, **PROMPT)
    assert read["p_at_1.home"] == 1.0, "the model knows"
    assert poor["p_at_1"] <= 0.3
    assert learned["p_at_1"] >= 0.7, "0.79 to 1.0 over four seeds of each model, 0.93 on average"
    assert learned["p_at_1"] > 2 * learned["majority_baseline"]
