"""The job library: every job can be run as it stands, begins with what was published, and runs in miniature."""

import math
import re
from functools import cache

import pytest

from ptune.backbone.families import family_of
from ptune.backbone.hashes import weight_files
from ptune.backbone.tokenizer import check_vocabulary
from ptune.checks.configuration import unfit_inputs
from ptune.run.local import LocalRunner
from ptune.run.search import start_search
from ptune.spec import grid
from ptune.spec.load import load_job, load_space
from ptune.spec.trial import TrialSpec
from ptune.spec.write import job_toml
from support.miniature import RELATIONS, make_files, miniature, objects, parts_of, with_words
from support.repository import ROOT

JOBS = sorted((ROOT / "jobs").rglob("*.toml"))
LIBRARY = [path for path in JOBS if path.parent != ROOT / "jobs"]
LAYERS = {"base": 12, "large": 24, "medium": 24, "xl": 48, "xlarge": 48, "xxlarge": 12, "gpt2": 12, "minilm": 6}
CONTEXT = 512
STAGES = ("multitask_bert_large", "conll03_bert_large_mpt2")


def name_of(path):
    return path.relative_to(ROOT / "jobs").with_suffix("").as_posix()


job_of = cache(load_job)


def space_of(job):
    """A job's space on its backbone."""
    words = job.backbone.id.replace(":", "-").split("/")[-1].split("-")
    return job.space.resolved(next(LAYERS[word] for word in words if word in LAYERS))


def first_config(space):
    """The complete configuration of the first trial; where its point leaves a choice, the first one."""
    chosen = {}
    point = space.baseline[0] if space.baseline else {}
    for name, definition in space.ordered():
        if definition.applies(chosen):
            default = definition.possible()[0] if definition.possible() else definition.low
            chosen[name] = point.get(name, default)
    return TrialSpec.from_config(chosen).to_config()


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_a_job_is_valid_and_begins_with_a_published_setting(path):
    job = job_of(path)
    space = space_of(job)
    config = first_config(space)
    assert unfit_inputs(space, job.task) == []
    assert not job.published or any(row.speaks_of(config) for row in job.published)
    longest = max([0, *space.values_under("v2", "length")]) if config["method"] == "v2" else 0
    assert longest + max(data.max_length for data in job.task.sets) <= CONTEXT
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_every_published_setting_lies_in_the_space(path):
    """What a published number speaks of can be tried: each value that it names is one of the space's."""
    job = job_of(path)
    stated = space_of(job).parameters
    for row in job.published:
        for name, value in row.where.items():
            values = value if isinstance(value, list) else [value]
            assert all(any(one.contains(wanted) for one in stated[name]) for wanted in values), (row.what, name)


def test_names_are_unique():
    names = [job_of(path).name for path in JOBS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", sorted((ROOT / "search_spaces").glob("*.toml")), ids=lambda path: path.stem)
def test_a_space_fits_a_backbone(path):
    assert load_space(path).resolved(24).parameters


def test_every_space_is_used():
    texts = "".join(path.read_text(encoding="utf-8") for path in [*JOBS, *(ROOT / "search_spaces").glob("*.toml")])
    unused = [path.name for path in (ROOT / "search_spaces").glob("*.toml") if f"{path.name}" not in texts]
    assert unused == []


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_a_job_can_be_run_as_the_papers_code_would(path):
    space = load_job(path, ["space.parameters.faithful={value=true}"]).space
    assert space.parameters.keys() == {*job_of(path).space.parameters, "faithful"}
    assert space.baseline == job_of(path).space.baseline


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_a_job_is_the_same_after_it_has_travelled(path, tmp_path):
    (tmp_path / "job.toml").write_text(job_toml(job_of(path)), encoding="utf-8")
    assert load_job(tmp_path / "job.toml") == job_of(path)


def test_the_published_settings_of_p_tuning_v2_are_all_there():
    readme = [
        row for path in LIBRARY for row in job_of(path).published if "run_script" in row.source and "lr" in row.where
    ]
    assert len({(row.what, row.value) for row in readme if row.metric != "exact_match"}) == 21


def test_the_released_grid_has_its_108_points():
    job = job_of(ROOT / "jobs" / "p_tuning_v2" / "superglue" / "copa_roberta_large_grid.toml")
    assert grid.size(space_of(job)) == job.budget.trials == 108


def backbones():
    """The rows of the library's table of backbones: repository, family, commit, weights and tokenizer files."""
    section = (ROOT / "jobs" / "LIBRARY.md").read_text(encoding="utf-8").partition("## Backbones")[2]
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    return [[re.findall("`([^`]+)`", cell) for cell in line.strip("|").split("|")] for line in lines]


def test_every_backbone_of_a_job_is_in_the_table_with_the_commit_that_it_states():
    table = {name: commit for (name,), _, (commit,), *_ in backbones()}
    stated = {(job.backbone.id, job.backbone.revision) for job in map(job_of, JOBS)}
    named = {name for name, _ in stated if not name.startswith("packaged:")}
    assert named == set(table)
    assert all(revision is None or revision.startswith(table[name]) for name, revision in stated)


@pytest.mark.parametrize(("name", "family", "weights", "words"), [(*row[:2], *row[3:]) for row in backbones()])
def test_a_backbone_of_the_table_is_of_a_shape_that_loads(name, family, weights, words, tmp_path):
    """The files that its list shows are weights and a vocabulary that ptune reads, and its family takes prompts."""
    assert family_of(*family, *name)
    for file in (*weights, *words):
        (tmp_path / file).touch()
    check_vocabulary(tmp_path, *name)
    assert [path.name for path in weight_files(tmp_path)] == weights


def different():
    """Enough jobs for each task of the library, and each space on each kind of task, to be in one."""
    tried, found = set(), []
    for path in LIBRARY:
        parts = parts_of(job_of(path))
        if job_of(path).start is None and not parts <= tried:
            tried |= parts
            found.append(path)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of made rows, for tasks without local data."""
    folder = tmp_path_factory.mktemp("made")
    make_files(folder)
    return folder


def names_layers(space):
    """Whether a space states layers by their numbers, which a tiny backbone need not have."""
    return "layers" in space.parameters or any(one.choices for one in space.parameters.get("depth", []))


@pytest.fixture(scope="module")
def tiny_family(tmp_path_factory, shared_data):
    """A function from a backbone's id to a tiny backbone of its family that knows the words of labels and facts."""
    from support.families import make_backbone

    folder = tmp_path_factory.mktemp("tiny")

    @cache
    def made(family, layers):
        with pytest.MonkeyPatch.context() as patched:
            words = ["Yes", "No", "Maybe", "true", "false", "neutral", *objects(shared_data, RELATIONS, 40)]
            with_words(patched, words)
            changes = {"num_hidden_layers": layers} if layers else {}
            return make_backbone(family, folder / f"{family}{layers}", lm=True, **changes)

    def tiny(job):
        family = job.backbone.id.split("/")[-1].split("-")[0]
        family = {"xlm": "xlm-roberta", "packaged:minilm": "bert"}.get(family, family)
        return made(family, 24 if names_layers(job.space) else 0)

    return tiny


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A runs folder that all miniatures share."""
    return tmp_path_factory.mktemp("runs")


def run(job, runs):
    """Run a miniature and return what it came to; every trial ends, with a finite metric."""
    outcome = start_search(job, "", runs, LocalRunner())
    trials = outcome.history.trials.values()
    assert [(trial.status, trial.reason) for trial in trials] == [("complete", None)] * job.budget.trials
    assert all(math.isfinite(trial.reports[-1][job.task.metric]) for trial in trials)
    return outcome


@pytest.mark.parametrize("path", different(), ids=name_of)
def test_a_job_runs_in_miniature(path, shared_data, made, tiny_family, runs):
    job = job_of(path)
    run(miniature(job, shared_data, made, tiny_family(job)), runs)


def test_the_second_stage_starts_from_the_first(shared_data, made, tiny_family, runs):
    first, second = (job_of(ROOT / "jobs/p_tuning_v2/ner" / f"{name}.toml") for name in STAGES)
    assert second.start == str(ROOT / "ptune_runs" / first.name / "artifact")
    backbone = tiny_family(first)
    artifact = run(miniature(first, shared_data, made, backbone), runs).folder / "artifact"
    run(miniature(second, shared_data, made, backbone, artifact), runs)
