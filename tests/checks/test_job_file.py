"""Every problem of a job file comes out in one run, once, at its key, whatever else is wrong."""

import itertools
import random
from dataclasses import dataclass, field

import pytest

from ptune.checks.file import check_file, checked_job
from ptune.errors import SpecError
from support.tiny_job import write_job


@dataclass(frozen=True)
class Broken:
    """A law, broken by a setting.

    Attributes:
        setting: what breaks it.
        keys: where it is told.
        needs: the tables that it looks at.
        spoils: the table that is not valid any more, so that laws which need it are not judged.
    """

    setting: str
    keys: list[str]
    needs: set[str] = field(default_factory=set)
    spoils: str = ""


UNKNOWN_FIELD = "space.parameters.template={value='[P] {txt}', when={method='v1'}}"
PUBLISHED = "published=[{metric='acuracy', value=0.5, what='chance', source='arithmetic'}]"
LAWS = [
    Broken("name='my films'", ["name"]),
    Broken("data_seed=-1", ["data_seed"]),
    Broken("resources.engines=many", ["[resources.engines]"], spoils="resources"),
    Broken("resources.gpus_per_engine=9", ["[resources].gpus_per_engine"], {"resources", "backbone", "profile"}),
    Broken("tracking.urri=x", ["[tracking].urri"]),
    Broken("tracking.uri='http://mlflow:50o0'", ["[tracking].uri"]),
    Broken("budget.trails=3", ["[budget].trails"], spoils="budget"),
    Broken("budget.stopping.grace=7", ["[budget]"], spoils="budget"),
    Broken("backbone.id=packaged:maxilm", ["[backbone].id"], {"backbone"}, spoils="profile"),
    Broken("backbone.idd=x", ["[backbone].idd"], spoils="backbone"),
    Broken("task.data.labl=x", ["[task.data].labl"], spoils="task"),
    Broken("task.metric=acuracy", ["[task]"], spoils="task"),
    Broken("task.data.dev=devel.tsv", ["[task.data].dev"], {"task"}),
    Broken("task.data.template='{txt}'", ["[task.data].template"], {"task"}),
    Broken("start=nowhere", ["start"]),
    Broken(PUBLISHED, ["[published.1].metric"], {"task"}),
    Broken("space.parameters.lr.low=-1.0", ["[space.parameters.lr]"], spoils="space"),
    Broken("space.parameters.lenght={value=3}", ["[space.parameters].lenght"], spoils="space"),
    Broken(
        "space.parameters.dropout={value=1.5, when={method='v2'}}", ["[space.parameters.dropout].value"], spoils="space"
    ),
    Broken("space.parameters.split={value=3}", ["[space.parameters.split].value"], {"space", "task"}),
    Broken(
        "space.parameters.epochs={value=9}",
        ["[space.parameters.epochs]", "[space.parameters.epochs].value"],
        {"space", "budget"},
    ),
    Broken(
        "space.parameters.head={choices=['linear', 'verbalizer']}",
        ["[space.parameters.head].choices"],
        {"space", "task"},
    ),
    Broken(
        UNKNOWN_FIELD,
        ["[space.parameters.template].value"],
        {"space", "task"},
    ),
    Broken("space.parameters.length.high=80", ["[space.parameters.length].high"], {"space", "task"}),
    Broken("space.parameters.depth.high=9", ["[space.parameters.depth].high"], {"space", "backbone", "profile"}),
    Broken("space.baseline=[{lr=3.0}]", ["[space.baseline.1].lr"], {"space", "backbone", "profile"}),
]


@pytest.fixture
def job(tmp_path):
    return write_job(tmp_path)


def lines_of(job, *laws):
    return check_file(job, [law.setting for law in laws]).problems


def keys_of(job, lines):
    return [line.removeprefix(f"{job}: ").split(": ")[0] for line in lines]


def apart(laws):
    """Whether no law spoils a table that another one needs, or breaks the same table."""
    spoiled = [law.spoils for law in laws if law.spoils]
    tables = {"backbone": {"backbone", "profile"}}
    lost = set().union(*(tables.get(name, {name}) for name in spoiled))
    return not any((law.needs - {law.spoils}) & lost for law in laws) and len(set(spoiled)) == len(spoiled)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.setting)
def test_a_broken_law_is_told_once_at_its_key(job, law):
    assert keys_of(job, lines_of(job, law)) == law.keys


@pytest.mark.parametrize("count", [2, 3, 6])
def test_no_problem_hides_another(job, count):
    alone = {law.setting: set(lines_of(job, law)) for law in LAWS}
    combinations = [laws for laws in itertools.combinations(LAWS, count) if apart(laws)]
    for laws in random.Random(count).sample(combinations, 60):
        lines = lines_of(job, *laws)
        assert len(set(lines)) == len(lines), "told once"
        assert set(lines) == set().union(*(alone[law.setting] for law in laws)), [law.setting for law in laws]


def test_templates_lengths_and_layers_are_told_together(job):
    settings = [
        "task.data.max_length=64",
        UNKNOWN_FIELD,
        "space.parameters.length={value=80}",
        "space.parameters.depth={value=9, when={method='v2'}}",
    ]
    assert keys_of(job, check_file(job, settings).problems) == [
        "[space.parameters.template].value",
        "[space.parameters.length].value",
        "[space.parameters.depth].value",
    ]


def test_a_job_without_a_problem_is_read(job):
    checked = check_file(job)
    assert (checked.problems, checked.later) == ([], [])
    assert checked.job == checked_job(job)
    assert checked.profile.layers == 6


def test_a_search_is_refused_with_the_problems_of_its_data_too(job, tmp_path):
    (tmp_path / "dev.tsv").write_text("text\tlabels\na\t1\n")
    with pytest.raises(SpecError) as caught:
        checked_job(job, ["budget.trails=3"])
    assert keys_of(job, str(caught.value).splitlines()) == ["[budget].trails", "[task.data]"]


def test_a_backbone_without_a_tokenizer_is_refused_at_once(job, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 4}')
    (folder / "model.safetensors").write_bytes(b"")
    lines = check_file(job, ["backbone.id=./mine", "space.parameters.depth.high=9"]).problems
    assert sorted(keys_of(job, lines)) == ["[backbone].id", "[space.parameters.depth].high"]
    assert f"{folder} has no tokenizer in {folder}: it holds no tokenizer.json" in "\n".join(lines)


def test_a_space_in_a_file_of_its_own_is_judged_alike(job, tmp_path):
    text = job.read_text()
    start, end = text.index("[space.parameters]"), text.index("[budget]")
    (tmp_path / "space.toml").write_text(text[start:end].replace("[space.parameters]", "[parameters]"))
    job.write_text('space = "space.toml"\n' + text[:start] + text[end:])
    law = next(law for law in LAWS if "depth.high" in law.setting)
    assert sorted(keys_of(job, lines_of(job, law, LAWS[0]))) == ["[space.parameters.depth]", "name"]


@pytest.fixture
def in_files(tmp_path):
    """A job that extends another, whose space is a file that extends another."""
    write_job(tmp_path)
    lower = tmp_path / "tiny.toml"
    text = lower.read_text()
    start, end = text.index("[space.parameters]"), text.index("[budget]")
    lower.write_text('space = "space.toml"\n' + text[:start] + text[end:])
    (tmp_path / "base.toml").write_text(text[start:end].replace("[space.parameters]", "[parameters]"))
    (tmp_path / "space.toml").write_text('extends = "base.toml"\n')
    (tmp_path / "upper.toml").write_text('extends = "tiny.toml"\n[task.data]\nmax_length = 64\n')
    return tmp_path


def test_laws_of_a_space_are_told_where_its_values_stand(in_files):
    (in_files / "space.toml").write_text(
        'extends = "base.toml"\n[parameters]\nlength = { value = 80 }\nlr = { low = 1.0, high = 0.1 }\n'
    )
    base = in_files / "base.toml"
    base.write_text(base.read_text().replace('high = "layers"', "high = 9") + "weight_decay = { valu = 0.1 }\n")
    lines = check_file(in_files / "upper.toml", ["task.data.dev=devel.tsv"]).problems
    assert sorted(line.removeprefix(f"{in_files}/").split(": ")[:2] for line in lines) == [
        ["base.toml", "[parameters.depth].high"],
        ["base.toml", "[parameters.weight_decay].valu"],
        ["space.toml", "[parameters.length].value"],
        ["space.toml", "[parameters.lr]"],
        ["upper.toml", "[task.data].dev"],
    ]


LAWS_OF_PARAMETERS = {
    "low above high": ("lr = { low = 1.0, high = 0.1 }", ["[space.parameters.lr]"]),
    "unknown key": ("weight_decay = { value = 0.1, valu = 0.1 }", ["[space.parameters.weight_decay].valu"]),
    "unknown name": ("lenght = { value = 3 }", ["[space.parameters].lenght"]),
    "broken encoder": ("encoder = { choices = [] }", ["[space.parameters.encoder].choices"]),
    "length": ("length = { value = 80 }", ["[space.parameters.length].value"]),
    "depth": ("depth = { value = 9, when = { method = 'v2' } }", ["[space.parameters.depth].value"]),
    "two layers": ("layers = { value = '1-2', when = { method = 'v2' } }", ["[space].parameters"]),
    "condition": ("passes = { value = 2, when = { methd = 'v2' } }", ["[space.parameters.passes].when"]),
    "idle": ("gamma = { value = 0.9 }", ["[space.parameters.gamma]"]),
    "split": ("split = { value = 3 }", ["[space.parameters.split].value"]),
    "epochs": ("epochs = { value = 9 }", ["[space.parameters.epochs]", "[space.parameters.epochs].value"]),
    "template": ("template = { value = '[P] {txt}', when = { method = 'v1' } }", ["[space.parameters.template].value"]),
}


@pytest.mark.parametrize("count", [1, 2, 3, 5, len(LAWS_OF_PARAMETERS)])
def test_a_broken_parameter_hides_no_law_of_another(job, count):
    together = list(itertools.combinations(LAWS_OF_PARAMETERS, count))
    for names in random.Random(count).sample(together, min(len(together), 12)):
        settings = [LAWS_OF_PARAMETERS[name][0].split(" = ", 1) for name in names]
        expected = [key for name in names for key in LAWS_OF_PARAMETERS[name][1]]
        lines = check_file(job, [f"space.parameters.{key}={value}" for key, value in settings]).problems
        assert sorted(keys_of(job, lines)) == sorted(expected), names


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (
            ["space.parameters.lr={choices=[]}", "space.parameters.passes={value=2, when={lr=0.1}}"],
            ["[space.parameters.lr].choices"],
        ),
        (["space.parameters.depth.low=x", "space.parameters.side={value='first'}"], ["[space.parameters.depth].low"]),
        (["space.parameters.lr.low=x", "space.baseline=[{lr=0.01, length=3}]"], ["[space.parameters.lr].low"]),
        (["space.parameters.length.low=x", "task.data.max_length=8"], ["[space.parameters.length].low"]),
        (
            ["space.parameters.method={value='v3'}", "space.parameters.split={value=3}"],
            ["[space.parameters.method].value", "[space.parameters.split].value"],
        ),
        (
            [
                "space.parameters.lr=[{low=1.0, high=0.1, when={method='v1'}}, {value=-1.0, when={method='v2'}}]",
                "space.baseline=[{lr=0.5}, {lengt=3}]",
            ],
            ["[space.parameters.lr.1]", "[space.parameters.lr.2].value", "[space.baseline.2].lengt"],
        ),
    ],
)
def test_what_needs_a_broken_parameter_is_not_told(job, settings, keys):
    assert sorted(keys_of(job, check_file(job, settings).problems)) == sorted(keys)
