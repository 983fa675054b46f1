"""Files that extend files: what wins, what replaces, where paths lead, and which file a problem is in."""

import pytest

from ptune.errors import SpecError
from ptune.spec.extends import extends
from ptune.spec.load import load_job, load_space
from ptune.spec.write import job_toml
from support.refusals import refused

BASE = """\
name = "base"
[backbone]
id = "packaged:minilm"
[task]
kind = "classification"
[task.data]
train = "data/train.tsv"
dev = "data/dev.tsv"
text = ["premise", "hypothesis"]
max_length = 64
[space]
extends = "../spaces/prompts.toml"
[budget]
trials = 4
epochs = 9
[[published]]
metric = "accuracy"
value = 0.5
what = "chance"
source = "arithmetic"
"""

SPACE = """\
[parameters]
method = { value = "v2" }
length = { low = 4, high = 64 }
lr = { low = 1e-4, high = 1e-1, log = true }
[[baseline]]
length = 20
"""


@pytest.fixture
def folder(tmp_path):
    """`base/base.toml`, its space in `spaces/`, and room for jobs in `jobs/`."""
    for name in ("base", "spaces", "jobs"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "base.toml").write_text(BASE)
    (tmp_path / "spaces" / "prompts.toml").write_text(SPACE)
    return tmp_path


def write(folder, text, name="jobs/top.toml"):
    (folder / name).write_text(text)
    return folder / name


def problems(path, overrides=()):
    return refused(SpecError, load_job, path, overrides).splitlines()


def test_the_upper_file_wins_key_by_key_and_lists_replace_lists(folder):
    path = write(folder, 'extends = "../base/base.toml"\nname = "top"\npublished = []\n[task.data]\ntext = ["a"]\n')
    job = load_job(path)
    assert (job.name, job.task.data.text, job.task.data.max_length, job.published) == ("top", ["a"], 64, [])
    assert job.budget == load_job(folder / "base" / "base.toml").budget


def test_paths_are_relative_to_the_file_that_names_them(folder):
    data = load_job(write(folder, 'extends = "../base/base.toml"\n[task.data]\ndev = "dev.tsv"\n')).task.data
    assert data.train == str(folder / "base" / "data" / "train.tsv")
    assert data.dev == str(folder / "jobs" / "dev.tsv")


def test_files_extend_files_that_extend_files(folder):
    write(folder, 'extends = "../base/base.toml"\nseed = 3\n[budget]\nepochs = 5\n', "jobs/middle.toml")
    job = load_job(write(folder, 'extends = "middle.toml"\n[budget]\nepochs = 2\n'))
    assert (job.seed, job.budget.epochs, job.budget.trials) == (3, 2, 4)


def test_a_table_of_another_type_or_kind_replaces(folder):
    middle = write(folder, 'extends = "../base/base.toml"\n[budget.stopping]\ntype = "asha"\neta = 2\n', "jobs/m.toml")
    assert load_job(middle).budget.stopping.eta == 2
    top = write(folder, 'extends = "m.toml"\n[budget.stopping]\ntype = "none"\n')
    assert load_job(top).budget.stopping.type == "none"
    task = 'extends = "m.toml"\n[task]\nkind = "tokens"\ndata = { train = "a.jsonl", dev = "b.jsonl" }\n'
    assert load_job(write(folder, task + "[[published]]\n" + _row("f1"))).task.data.max_length == 128


def _row(metric):
    return f'metric = "{metric}"\nvalue = 0.5\nwhat = "x"\nsource = "y"\n'


def test_a_space_replaces_a_space(folder):
    job = load_job(write(folder, 'extends = "../base/base.toml"\n[space.parameters]\nmethod = { value = "head" }\n'))
    assert list(job.space.parameters) == ["method"]
    assert job.space.baseline == []


def test_a_space_over_a_space_file_replaces_parameters_and_baseline_points(folder):
    own = """\
extends = "../base/base.toml"
[space]
extends = "../spaces/prompts.toml"
[space.parameters]
lr = { choices = [0.1, 0.2] }
[[space.baseline]]
length = 30
"""
    space = load_job(write(folder, own)).space
    assert list(space.parameters) == ["method", "length", "lr"]
    assert space.parameters["lr"][0].choices == [0.1, 0.2]
    assert space.baseline == [{"length": 30}]


def test_a_space_file_extends_a_space_file(folder):
    path = write(folder, 'extends = "prompts.toml"\n[parameters]\ndropout = { value = 0.1 }\n', "spaces/more.toml")
    space = load_space(path)
    assert list(space.parameters) == ["method", "length", "lr", "dropout"]
    assert space.baseline == [{"length": 20}]


def test_overrides_are_set_over_all_files(folder):
    path = write(folder, 'extends = "../base/base.toml"\n')
    job = load_job(path, ["budget.epochs=7", "task.data.train=mine.tsv"])
    assert (job.budget.epochs, job.task.data.train) == (7, str(folder / "jobs" / "mine.tsv"))


def test_overrides_reach_into_a_space_that_is_a_file(folder):
    path = write(folder, 'extends = "../base/base.toml"\nspace = "../spaces/prompts.toml"\n')
    for job in (folder / "base" / "base.toml", path):
        space = load_job(job, ["space.parameters.faithful={value=true}"]).space
        assert list(space.parameters) == ["method", "length", "lr", "faithful"]
        assert space.baseline == [{"length": 20}]


def test_a_wrong_override_is_told_of_the_file_that_was_named(folder):
    path = write(folder, 'extends = "../base/base.toml"\n')
    assert problems(path, ["budget.trials=0"])[0].startswith(f"{path}: [budget].trials: ")


def test_circles_are_refused(folder):
    write(folder, 'extends = "top.toml"\n', "jobs/middle.toml")
    (line,) = problems(write(folder, 'extends = "middle.toml"\n'))
    assert line.startswith(f"{folder / 'jobs' / 'middle.toml'}: extends: files extend each other in a circle")


@pytest.mark.parametrize(
    ("written", "expected"),
    [('"bse.toml"', "no such file; did you mean 'base.toml'?"), ("3", "extends: write the path of a file, got 3")],
)
def test_a_file_that_cannot_be_extended_is_refused(folder, written, expected):
    (line,) = problems(write(folder, f"extends = {written}\n", "base/top.toml"))
    assert line.endswith(expected)


def test_a_problem_is_told_in_the_file_where_it_stands(folder):
    base = folder / "base" / "base.toml"
    base.write_text(BASE.replace("trials = 4", "trials = 0"))
    top = write(folder, 'extends = "../base/base.toml"\n[task.data]\nmax_lenth = 3\n[budget]\nepochs = 0\n')
    told = [line.split(": ")[:2] for line in problems(top)]
    assert told == [
        [str(top), "[task.data].max_lenth"],
        [str(base), "[budget].trials"],
        [str(top), "[budget].epochs"],
    ]


def test_a_problem_of_a_space_file_is_told_there(folder):
    (folder / "spaces" / "prompts.toml").write_text(SPACE.replace("low = 4", "low = 0"))
    lines = problems(folder / "base" / "base.toml")
    assert [line.split(": ")[:2] for line in lines] == [
        [str(folder / "spaces" / "prompts.toml"), "[parameters.length].low"]
    ]


def test_the_text_that_travels_is_complete(folder):
    path = write(folder, 'extends = "../base/base.toml"\nname = "top"\n')
    job = load_job(path)
    assert [extends(path), extends(folder / "base" / "base.toml")] == [True, True]
    alone = write(folder, job_toml(job), "job.toml")
    assert not extends(alone)
    assert load_job(alone) == job
