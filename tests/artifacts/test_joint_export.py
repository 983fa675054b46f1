"""A prompt of several data sets, exported for one of them."""

import pytest

from ptune.artifacts.artifact import Artifact
from ptune.artifacts.export import write_export
from ptune.artifacts.formats.format import Export
from ptune.artifacts.formats.registry import BY_NAME
from ptune.artifacts.load import load_artifact
from ptune.artifacts.predict import Predictor
from ptune.errors import ArtifactError
from ptune.spec.data import ClassificationData, ClozeData
from ptune.spec.task import Classification, Cloze
from ptune.spec.trial import TrialSpec
from support.made_artifacts import learned, make_task_artifact

LIMITS = {"source": "made", "max_length": 32}
LABELS = {"first": ["no", "yes"], "second": ["a", "b", "c"]}
HEADS = Classification(
    data=ClassificationData(name="first", labels=LABELS["first"], **LIMITS),
    more=[ClassificationData(name="second", labels=LABELS["second"], **LIMITS)],
)
PROMPTS = Cloze(
    kind="cloze",
    data=ClozeData(
        train="{relation}.jsonl",
        dev="{relation}.jsonl",
        relations=["P1", "P2"],
        template="{sub_label} is [MASK]",
        max_length=24,
    ),
)


def joint(task, labels, backbone, **config) -> Artifact:
    """An artifact of several data sets."""
    scores = {"dev": {task.metric: 0.5, **{f"{task.metric}.{name}": 0.25 for name in task.set_names}}}
    spec = TrialSpec.from_config(config)
    return learned(task, labels, backbone, spec, scores=scores, search="joint", trial=1, seed=2)


@pytest.mark.parametrize("prompted", [False, True])
def test_the_part_of_a_data_set_answers_as_the_whole_does_in_every_format(prompted, tiny, speaking, tmp_path):
    """With a head for each data set, or a prompt for each relation."""
    backbone = speaking("bert") if prompted else tiny("bert")
    if prompted:
        task, labels, config = PROMPTS, [["red", "cold"]] * 2, {"method": "v1", "length": 3, "encoder": "embedding"}
    else:
        task, labels, config = HEADS, [*LABELS.values()], {"method": "v2", "length": 3}
    whole = joint(task, labels, backbone, **config)
    names = whole.manifest.set_names
    for name in names:
        part = whole.part(name)
        assert part.manifest.scores == {"dev": {task.metric: 0.25}}
        ours = Predictor(whole, backbone).predict("red green", data_set=name)
        assert Predictor(part, backbone).predict("red green") == ours
        for format_name in ("native", "peft"):
            write_export(BY_NAME[format_name], Export(part, tmp_path / f"{name}-{format_name}"))
        assert load_artifact(tmp_path / f"{name}-peft").manifest == part.manifest
    with pytest.raises(ArtifactError, match=r"--data-set NAME exports one of them"):
        write_export(BY_NAME["peft"], Export(whole, tmp_path / "all"))
    with pytest.raises(ArtifactError, match=f"no data set '{names[0]}s'; did you mean '{names[0]}'"):
        whole.part(f"{names[0]}s")


def test_mlflow_asks_a_prompt_of_several_data_sets_for_the_one_that_is_named(tiny, tmp_path):
    from ptune.tracking.model import load_model

    backbone = tiny("bert")
    whole = joint(HEADS, [*LABELS.values()], backbone, method="v2", length=3)
    write_export(BY_NAME["mlflow"], Export(whole, tmp_path / "model"))
    model = load_model(tmp_path / "model", backbone=backbone.id)
    for name in LABELS:
        (theirs,) = model.predict([{"text": "red green"}], params={"data_set": name})
        ours = Predictor(whole, backbone).predict("red green", data_set=name)
        assert theirs["label"] == ours["label"]
        assert theirs["probabilities"] == pytest.approx(ours["probabilities"], abs=1e-5)
    with pytest.raises(ArtifactError, match="several data sets, first, second: name the one"):
        model.predict([{"text": "red green"}])
    card = (tmp_path / "model/README.md").read_text()
    assert "params={'data_set': 'first'}" in card


def test_a_classifier_of_an_encoder_decoder_is_a_model_where_transformers_has_the_same_layers(tiny, tmp_path):
    bart = make_task_artifact("classification", tiny("bart"), method="head")
    written = write_export(BY_NAME["hf"], Export(bart, tmp_path / "bart"))
    assert "equal" in written.checked or "1e-5" in written.checked
    for family in ("t5", "mt5", "umt5"):
        refused = make_task_artifact("classification", tiny(family), method="head")
        with pytest.raises(ArtifactError, match=f"classifier of {family} has a trained layer and a tanh between"):
            write_export(BY_NAME["hf"], Export(refused, tmp_path / family))
        assert not (tmp_path / family).exists()
