"""`ptune validate`: every problem, at once, where it is."""

import json
import subprocess
import sys

import pytest

SPLITS = ("train", "dev")


def test_a_good_job_is_described_in_one_line(ptune, job):
    result = ptune("validate", job)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"ok {job}: 4 trials x 2 epochs (asha eta=3 grace=1, at most 8 epochs), 4 parameters, "
        "packaged:minilm (6 layers), train.tsv\n"
    )


def test_it_says_that_dev_grows(ptune, job):
    result = ptune("validate", job, "--set", "budget.dev_grows=true", "--set", "budget.epochs=4")
    assert (result.code, ", dev grows with the rungs, at most 16 epochs)" in result.out) == (0, True)


def test_every_problem_of_every_file_is_reported(ptune, job, tmp_path):
    (tmp_path / "worse.toml").write_text(job.read_text().replace("trials = 4", "trails = 4"))
    (tmp_path / "dev.tsv").rename(tmp_path / "devel.tsv")
    result = ptune("validate", job, tmp_path / "worse.toml", tmp_path / "missing.toml")
    assert result.code == 2
    assert f"{job}: [task.data].dev: {tmp_path}/dev.tsv: there is no such file; did you mean 'devel.tsv'?" in result.err
    assert f"{tmp_path}/worse.toml: [budget].trails: unknown key; did you mean 'trials'?" in result.err
    assert f"{tmp_path}/worse.toml: [budget].trials: required, and missing" in result.err
    assert "missing.toml: no such file" in result.err
    assert result.out == ""


def test_a_folder_stands_for_every_job_below_it(ptune, job, tmp_path):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "deep" / "down" / "bad.toml").write_text("name = 3")
    (tmp_path / "empty").mkdir()
    result = ptune("validate", tmp_path)
    assert (result.code, result.out.startswith(f"ok {job}: 4 trials")) == (2, True)
    assert f"{tmp_path}/deep/down/bad.toml: name: " in result.err
    assert "empty: there is no *.toml in this folder or below it" in ptune("validate", tmp_path / "empty").err


def test_one_trial_and_one_epoch_are_counted_as_such(ptune, job):
    single = ["budget.trials=1", "budget.epochs=1", "space.parameters={lr={low=1e-3, high=1e-1, log=true}}"]
    out = ptune("validate", job, *(word for text in single for word in ("--set", text))).out
    assert "1 trial x 1 epoch (asha eta=3 grace=1, at most 1 epoch), 1 parameter, " in out


def test_files_that_relations_miss_are_one_line_for_each_pattern(ptune, job, tmp_path):
    cloze = """
[task]
kind = "cloze"

[task.data]
train = "facts/{relation}/train.jsonl"
dev = "facts/{relation}/dev.jsonl"
vocabulary = "words.txt"
relations = ["P17", "P19", "P36"]
template = "{sub_label} is in [MASK]."
"""
    text = job.read_text()
    start, end = text.index("[task.data]"), text.index("[space.parameters]")
    job.write_text(text[:start] + cloze + text[end:])
    (tmp_path / "facts" / "P17").mkdir(parents=True)
    (tmp_path / "facts" / "P17" / "train.jsonl").touch()
    (tmp_path / "facts" / "P17" / "dev.jsonl").touch()
    facts = tmp_path / "facts"
    for options in ([], ["--data"]):
        lines = ptune("validate", job, *options).err.splitlines()
        expected = [
            f"{facts}/{{relation}}/{s}.jsonl: 2 of 3 files missing, the first is {facts}/P19/{s}.jsonl" for s in SPLITS
        ]
        assert lines[0].startswith(f"{job}: [backbone].id: packaged:minilm has no language-modelling head")
        assert lines[1:] == [
            f"{job}: [task.data].vocabulary: {tmp_path}/words.txt: there is no such file",
            *(f"{job}: [task.data].{split}: {law}" for split, law in zip(SPLITS, expected, strict=True)),
        ]


def test_a_grid_says_how_many_trials_it_has(ptune, job):
    text = (
        job.read_text()
        .replace("trials = 4", "sampler = 'grid'")
        .replace("lr = { low = 1e-4, high = 1e-1, log = true }", "")
    )
    job.write_text(text)
    assert "ok tiny.toml: 49 grid trials x 2 epochs" in ptune("validate", "tiny.toml").out
    elsewhere = ptune("validate", "tiny.toml", "--set", "backbone.id=some/model").out
    assert "ok tiny.toml: all trials x 2 epochs" in elsewhere
    refused = ptune("validate", "tiny.toml", "--set", "budget.trials=50")
    assert "[budget].trials: trials <= 49, the grid's combinations, must hold, got 50" in refused.err


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("space.baseline=[{method='v2', depth=9}]", "[space.baseline.1].depth: depth = 9 lies outside its range"),
        ("space.parameters.length.high=40", "length < task.data.max_length = 32 must hold"),
        ("space.parameters.template='everywhere'", "template"),
        (
            "space.parameters.template={choices=['[P] {txt}'], when={method='v1'}}",
            "names the field {txt}; the task's text fields are",
        ),
        (
            "space.parameters.template={value='[P:3] {text}', when={method='v1'}}",
            "needs a prompt length of exactly 3, got 2",
        ),
        (
            "space.parameters.depth.when={}",
            "[space.parameters.depth]: depth is not a parameter of method 'v1'; add `when",
        ),
        ("space.parameters.lr.low=-1.0", "[space.parameters.lr]: low > 0 must hold on a log scale"),
        ("space.parameters.dropout={low=0.0, high=1.5, when={method='v2'}}", "[space.parameters.dropout].high: Input"),
        ("space.parameters.encoder={choices=['lstmm', 'mlp']}", "[space.parameters.encoder].choices: Input should be"),
        ("budget.stopping.grace=7", "[budget]: stopping.grace <= epochs must hold, got 7 > 2"),
        ("task.data.max_length=510", "length + task.data.max_length <= 512 must hold"),
        ("backbone.id=packaged:maxilm", "[backbone].id: packaged:maxilm is not packaged"),
        ("backbone.id=../nowhere", "does not exist"),
        ("backbone.id=not a name", "neither a folder nor a Hub id"),
        ("task.data.source=builtin:nothing", "there is no built-in task 'nothing'"),
        ("budget.stopping={type='asha', grace=7}", "stopping.grace <= epochs must hold"),
    ],
)
def test_a_problem_is_found(ptune, job, override, problem):
    result = ptune("validate", job, "--set", override)
    assert result.code == 2
    assert problem in result.err
    assert result.err.startswith(str(job))


def test_a_typo_hides_neither_missing_data_nor_an_unknown_backbone(ptune, job, tmp_path):
    (tmp_path / "dev.tsv").unlink()
    result = ptune("validate", job, "--set", "backbone.id=packaged:maxilm", "--set", "budget.trails=3")
    places = [line.removeprefix(f"{job}: ").split(": ")[0] for line in result.err.splitlines()]
    assert (result.code, places) == (2, ["[budget].trails", "[backbone].id", "[task.data].dev"])


def test_a_table_that_is_wrong_itself_is_not_looked_at_further(ptune, job, tmp_path):
    (tmp_path / "dev.tsv").unlink()
    result = ptune("validate", job, "--set", "task.data.labl=x", "--set", "backbone.idd=x")
    places = [line.removeprefix(f"{job}: ").split(": ")[0] for line in result.err.splitlines()]
    assert (result.code, places) == (2, ["[backbone].idd", "[task.data].labl"])


def test_a_length_stated_for_one_method_does_not_bind_the_other(ptune, job):
    job.write_text(
        job.read_text().replace(
            "length = { low = 2, high = 8 }",
            "length = [{ low = 2, high = 8, when = { method = 'v1' } }, { value = 64, when = { method = 'v2' } }]",
        )
    )
    assert ptune("validate", job).code == 0


def test_what_needs_the_network_is_left_for_later(ptune, job):
    result = ptune("validate", job, "--set", "backbone.id=some/model", "--set", "task.data.source=some/data")
    assert result.code == 0
    assert "some/model is not in the Hub cache here" in result.out
    assert "some/data is looked at when the search starts" in result.out


def test_the_data_is_read_on_request(ptune, job, tmp_path):
    (tmp_path / "dev.tsv").write_text("text\tlabels\na\t1\n")
    assert ptune("validate", job).code == 0
    result = ptune("validate", job, "--data")
    assert result.code == 2
    assert f"{job}: [task.data]: {tmp_path}/dev.tsv: there is no column 'label'; did you mean 'labels'?" in result.err


def test_label_words_are_looked_at_with_the_data(ptune, job, tiny_language_model):
    text = job.read_text().replace('id = "packaged:minilm"', f'id = "{tiny_language_model("bert")}"')
    text = text.replace(
        "max_length = 32",
        """max_length = 32
template = "{text} it was [MASK]"
verbalizer = { 0 = "cold", 1 = "notaword" }""",
    )
    job.write_text(
        text.replace('method = { choices = ["v1", "v2"] }', 'method = { value = "v2" }').replace(
            ', when = { method = "v2" }', ""
        )
    )
    assert ptune("validate", job).code == 0
    result = ptune("validate", job, "--data")
    assert result.code == 2
    assert "[task.data]: " in result.err
    assert "notaword" in result.err


def test_what_a_job_starts_from_must_be_there(ptune, job):
    assert "nowhere: there is no such folder to start from" in ptune("validate", job, "--set", "start=nowhere").err


def test_json_holds_all_results(ptune, job, tmp_path):
    result = ptune("validate", job, tmp_path / "missing.toml", "--json")
    content = json.loads(result.out)
    assert (result.code, content["ok"]) == (2, False)
    assert [entry["ok"] for entry in content["jobs"]] == [True, False]
    assert content["jobs"][0]["summary"].startswith("4 trials x 2 epochs")


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "tiny.toml"], ["search", "--help"]])
def test_neither_torch_nor_ray_is_loaded(job, tmp_path, arguments):
    program = (
        "import sys\nfrom ptune.cli.main import run\n"
        f"code = run({arguments})\n"
        "heavy = {'torch', 'ray', 'transformers', 'mlflow', 'datasets'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, (code, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


THREE = [
    "task.data.max_length=64",
    "space.parameters.template={value='[P] {txt}', when={method='v1'}}",
    "space.parameters.length={value=80}",
    "space.parameters.depth={value=9, when={method='v2'}}",
]


@pytest.mark.parametrize(
    "command", [["validate"], ["search", "--local"], ["search"], ["submit", "--address", "http://127.0.0.1:1"]], ids=str
)
def test_a_command_reports_a_template_a_length_and_a_depth_once_each_and_leaves_nothing_behind(
    ptune, job, tmp_path, command
):
    before = sorted(tmp_path.rglob("*"))
    result = ptune(*command, job, *(word for setting in THREE for word in ("--set", setting)))
    lines = result.err.removeprefix("ptune: ").splitlines()
    assert (result.code, [line.removeprefix(f"{job}: ").split(": ")[0] for line in lines]) == (
        2,
        ["[space.parameters.template].value", "[space.parameters.length].value", "[space.parameters.depth].value"],
    )
    assert "the template names the field {txt}" in lines[0]
    assert lines[1].endswith("length < task.data.max_length = 64 must hold to leave room for text, got 80")
    assert lines[2].endswith("depth <= 6 must hold on a backbone of 6 layers, got 9")
    assert sorted(tmp_path.rglob("*")) == before
