"""Job and space files: paths, overrides, and every problem at once in the author's own terms."""

import subprocess
import sys
from pathlib import Path

import pytest

from ptune.errors import SpecError
from ptune.spec.load import load_job, load_space
from support.refusals import refused

JOB = """\
name = "films"
space = "spaces/both.toml"
[backbone]
id = "packaged:minilm"
[task.data]
train = "train.tsv"
dev = "../dev.tsv"
[budget]
trials = 4
epochs = 3
"""

SPACE = """\
[parameters.method]
choices = ["v1", "v2"]
[parameters.lr]
low = 1e-4
high = 1e-1
log = true
[[parameters.length]]
low = 2
high = 20
when = {method = "v1"}
[[parameters.length]]
choices = [5, 10]
when = {method = "v2"}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder `jobs`, holding `films.toml` and `spaces/both.toml`."""
    jobs = tmp_path / "jobs"
    (jobs / "spaces").mkdir(parents=True)
    (jobs / "films.toml").write_text(JOB)
    (jobs / "spaces" / "both.toml").write_text(SPACE)
    return jobs


def change(folder: Path, *replacements: tuple[str, str], file: str = "films.toml") -> Path:
    path = folder / file
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return folder / "films.toml"


def problems(path: Path, overrides=()) -> list[str]:
    lines = refused(SpecError, load_job, path, overrides).splitlines()
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_a_job_is_read_with_its_space(folder):
    job = load_job(folder / "films.toml")
    assert job.name == "films"
    assert list(job.space.parameters) == ["method", "lr", "length"]
    assert [len(definitions) for definitions in job.space.parameters.values()] == [1, 1, 2]


def test_a_space_may_stand_in_the_job(folder):
    inline = "\n" + SPACE.replace("[parameters", "[space.parameters")
    path = change(folder, ('space = "spaces/both.toml"\n', ""), ("epochs = 3\n", "epochs = 3" + inline))
    assert load_job(path).space == load_space(folder / "spaces" / "both.toml")


def test_paths_are_relative_to_the_job_file(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    data = load_job(Path("jobs/films.toml")).task.data
    assert (data.train, data.dev) == (str(folder / "train.tsv"), str(folder.parent / "dev.tsv"))


@pytest.mark.parametrize("written", ["../model", "./model", "~/model", "/model"])
def test_a_backbone_that_is_a_path_becomes_absolute(folder, written):
    path = change(folder, ("packaged:minilm", written))
    assert Path(load_job(path).backbone.id) == (folder / Path(written).expanduser()).resolve()


def test_a_backbone_that_is_a_folder_beside_the_job_becomes_absolute(folder):
    (folder / "models" / "bert").mkdir(parents=True)
    assert load_job(folder / "films.toml", ["backbone.id=models/bert"]).backbone.id == str(folder / "models" / "bert")
    assert load_job(folder / "films.toml", ["backbone.id=''"]).backbone.id == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sqlite:///runs.db", "sqlite:///{folder}/runs.db"),
        ("sqlite:///../runs.db", "sqlite:///{folder.parent}/runs.db"),
        ("sqlite:////runs/runs.db", "sqlite:////runs/runs.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("http://tracking:5000", "http://tracking:5000"),
    ],
)
def test_a_tracking_database_becomes_absolute(folder, written, expected):
    uri = load_job(folder / "films.toml", [f"tracking.uri={written}"]).tracking.uri
    assert uri == expected.format(folder=folder)


def test_names_that_are_no_paths_stay(folder):
    job = load_job(
        folder / "films.toml", ["task.data.source=glue/sst2", "task.data.train=train", "backbone.id=org/bert"]
    )
    assert (job.task.data.source, job.task.data.train, job.backbone.id) == ("glue/sst2", "train", "org/bert")


def test_a_source_that_is_a_folder_becomes_absolute(folder):
    job = load_job(folder / "films.toml", ["task.data.source=./films", "task.data.train=train"])
    assert job.task.data.source == str(folder / "films")


def test_overrides_are_toml_or_bare_words(folder):
    job = load_job(
        folder / "films.toml",
        ["budget.trials=9", "name=other", "budget.stopping.type=none", 'task.data.text=["a", "b"]', "seed=3"],
    )
    assert (job.budget.trials, job.name, job.seed, job.task.data.text) == (9, "other", 3, ["a", "b"])
    assert job.budget.stopping.type == "none"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("budget.trials", "--set budget.trials: write table.key=value"),
        ("=3", "--set =3: write table.key=value"),
        ("name.x=3", "--set name.x=3: name is not a table"),
        ("budget.trails=3", "[budget].trails: unknown key; did you mean 'trials'?"),
        ("budget.trials=many", "[budget].trials: Input should be a valid integer, got 'many'"),
    ],
)
def test_a_wrong_override_is_refused(folder, override, expected):
    assert problems(folder / "films.toml", [override])[0].startswith(expected)


def test_every_problem_of_both_files_is_reported_at_once(folder):
    change(folder, ("low = 1e-4", "lo = 1e-4"), ('choices = ["v1", "v2"]', "choices = []"), file="spaces/both.toml")
    path = change(folder, ("trials = 4", "trials = 0"), ("epochs", "epoch"), ('"films"', '"my films"'))
    lines = problems(path, ["task.data.max_length=2"])
    assert [line.split(": ")[0].removeprefix(str(folder / "spaces")) for line in lines] == [
        "/both.toml",
        "/both.toml",
        "name",
        "[task.data].max_length",
        "[budget].trials",
        "[budget].epochs",
        "[budget].epoch",
    ]
    assert lines[-1] == (
        "[budget].epoch: unknown key; did you mean 'epochs'? (valid: constant_epochs, dev_grows, device_hours, "
        "epochs, epochs_total, hours, inherit, patience, report_every, sampler, stopping, target, trials)"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[budget]", "[budgets]", "[budget]: required, and missing"),
        ('space = "spaces/both.toml"\n', "", "[space]: required, and missing"),
        (
            "[budget]\n",
            "[budget]\nsampler = 'tpee'\n",
            (
                "[budget].sampler: must be one of auto, tpe, gp, nsgaii, nsgaiii, pbt, qmc, random, grid, or "
                "`package.module:Class` for a sampler of Optuna's, got 'tpee'; did you mean 'tpe'?"
            ),
        ),
        (
            "[budget]\n",
            "[budget]\nstopping = {type = 'asah'}\n",
            (
                "[budget.stopping].type: Input should be one of 'asha', 'asha_stopping', 'pasha', 'hyperband', "
                "'median', 'screen', 'none', got 'asah'; did you mean 'asha'?"
            ),
        ),
        (
            "[budget]\n",
            "[budget]\nstopping = {etta = 3}\n",
            "[budget.stopping].etta: unknown key; did you mean 'eta'? (valid: capped, eta, grace, spacing, type)",
        ),
        (
            "[budget]\n",
            "[budget]\nstopping = {type = 'asha', etta = 3}\n",
            "[budget.stopping].etta: unknown key; did you mean 'eta'? (valid: capped, eta, grace, spacing, type)",
        ),
        ("[budget]\n", "[budget]\nstopping = 'asha'\n", "[budget.stopping]: Input should be a table, got 'asha'"),
        (
            "[budget]\n",
            "[budget]\nstopping = {type = 'asha', grace = 4}\n",
            "[budget]: stopping.grace <= epochs must hold, got 4 > 3",
        ),
        (
            "[budget]\n",
            "[resources]\nengines = 'many'\n[budget]\n",
            "[resources.engines]: Input should be 'auto', a number from 1 on, or {min = 1, max = 8}, got 'many'",
        ),
        ("trials = 4", "trials = true", "[budget].trials: Input should be a valid integer, got True"),
        ("trials = 4", 'trials = "4"', "[budget].trials: Input should be a valid integer, got '4'"),
        (
            "[task.data]\n",
            "[task.data]\nlabels = [0, 1]\n",
            "[task.data.labels].1: Input should be a valid string, got 0",
        ),
        ('"spaces/both.toml"', "3", "[space]: Input should be a table, got 3"),
    ],
)
def test_a_problem_is_told_in_the_files_own_terms(folder, old, new, expected):
    assert problems(change(folder, (old, new)))[0] == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("high = 1e-1", "high = 1e-5", "[parameters.lr]: low <= high must hold, got low=0.0001, high=1e-05"),
        ("log = true", "logg = true", "[parameters.lr].logg: unknown key; did you mean 'log'?"),
        (
            "high = 20",
            'high = "layer"',
            "[parameters.length.1].high: Input should be a valid integer or a valid number or 'layers', got 'la",
        ),
        (
            "choices = [5, 10]",
            "chioces = [5, 10]",
            "[parameters.length.2].chioces: unknown key; did you mean 'choices'?",
        ),
        (
            'when = {method = "v2"}',
            'when = {methd = "v2"}',
            "[parameters.length.2].when: names methd, which this space does not define; did you mean 'method'?",
        ),
        ("low = 1e-4", "low = 2", "[parameters.lr]: low <= high must hold, got low=2, high=0.1"),
        ("low = 2\n", "low = 0\n", "[parameters.length.1].low: Input should be greater than or equal to 1, got 0"),
        ("[parameters.lr]", "[parameters.lrr]", "[parameters].lrr: not a parameter; did you mean 'lr'?"),
    ],
)
def test_a_space_file_tells_its_problems_alike(folder, old, new, expected):
    change(folder, (old, new), file="spaces/both.toml")
    with pytest.raises(SpecError) as caught:
        load_space(folder / "spaces" / "both.toml")
    assert str(caught.value).removeprefix(f"{folder}/spaces/both.toml: ").startswith(expected)


def test_every_problem_of_a_space_has_a_line(folder):
    wrong = [("[parameters.method]", "[parameters.methd]"), ("[[parameters.length]]", "[[parameters.lenght]]")]
    change(folder, *wrong, wrong[1], file="spaces/both.toml")
    lines = problems(folder / "films.toml")
    assert [line.split(" (valid")[0].removeprefix(f"{folder}/spaces/both.toml: ") for line in lines] == [
        "[parameters].methd: not a parameter; did you mean 'method'?",
        "[parameters].lenght: not a parameter; did you mean 'length'?",
    ]


def test_problems_of_a_space_in_the_job_are_placed_there(folder):
    overrides = ["space={parameters={methd={value='v1'}, lenght={low=2, high=8}, lr={value=-1.0}}}"]
    places = [line.split(": ")[0] for line in problems(folder / "films.toml", overrides)]
    assert places == ["[space.parameters].methd", "[space.parameters].lenght", "[space.parameters.lr].value"]
    overrides = ["space={parameters={lr={low=-1.0, high=-0.5}, depth={value=0}}}"]
    places = [line.split(": ")[0] for line in problems(folder / "films.toml", overrides)]
    assert places == ["[space.parameters.lr].low", "[space.parameters.lr].high", "[space.parameters.depth].value"]


def test_templates_that_do_not_fit_are_told_where_they_are(folder):
    space = (
        "space={parameters={method={value='v1'}, template={choices=['[P] {a}', '[P] {b}']}}, baseline=[{template='x'}]}"
    )
    lines = problems(folder / "films.toml", [space])
    places = [*["[space.parameters.template].choices"] * 2, "[space.baseline.1].template"]
    assert [line.split(": ")[0] for line in lines] == places


def test_a_missing_file_names_its_neighbour(folder):
    assert problems(folder / "film.toml") == ["no such file; did you mean 'films.toml'?"]
    path = change(folder, ("both.toml", "bth.toml"))
    assert problems(path) == [f"{folder}/spaces/bth.toml: no such file; did you mean 'both.toml'?"]


@pytest.mark.parametrize("written", [b"name = \n", b"name = '\xff'\n"])
def test_what_is_no_toml_is_refused(folder, written):
    (folder / "films.toml").write_bytes(written)
    assert problems(folder / "films.toml")[0].startswith("not valid TOML: ")


def test_a_folder_is_no_job(folder):
    assert problems(folder) == ["is a folder, not a TOML file"]


def test_reading_a_job_imports_nothing_heavy():
    code = "import sys, ptune.spec.load; print({'torch', 'ray', 'optuna', 'mlflow', 'datasets'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
