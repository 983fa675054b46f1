"""Whatever somebody types into a job, a space or a setting: it is accepted or refused in words, never more.

Hypothesis makes values of every type for every key, and texts that are nearly TOML. A job that is accepted can be
written down, read again and is the same.
"""

import contextlib
import io
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptune.cli.main import run
from ptune.errors import SpecError
from ptune.spec.job import Job
from ptune.spec.load import read_tables
from ptune.spec.places import written
from support.input_cases import JOB, toml
from support.same_examples import examples

KEYS = [
    *("name", "seed", "data_seed", "start", "extends", "space", "published", "backbone", "task", "budget", "resources"),
    *("backbone.id", "backbone.revision", "backbone.dtype", "task.kind", "task.metric", "task.selection", "task.more"),
    *("task.data", "task.data.text", "task.data.label", "task.data.labels", "task.data.source", "task.data.train"),
    *("task.data.max_length", "task.data.limit_dev", "task.data.shots", "task.data.splits", "task.data.rename"),
    *("task.data.template", "task.data.verbalizer", "task.data.explode", "task.data.encoding", "task.data.delimiter"),
    *("budget.trials", "budget.epochs", "budget.sampler", "budget.stopping", "resources.slots", "resources.engines"),
    *("resources.labels", "tracking.uri", "tracking.type", "tracking.register_as", "export.formats", "cluster.env"),
    *(
        "space.parameters",
        "space.baseline",
        "space.parameters.method",
        "space.parameters.length",
        "space.parameters.lr",
    ),
    *(
        "space.parameters.depth.when",
        "space.parameters.layers.value",
        "space.parameters.lengths.value",
        "space.extends",
    ),
]
WORDS = st.sampled_from(
    [
        "v1",
        "v2",
        "layers",
        "auto",
        "tpe",
        "asha",
        "accuracy",
        "text",
        "label",
        "{text} [MASK]",
        "[P]",
        "1-3",
        "loss",
        "~x/y",
    ]
)
SCALARS = st.one_of(
    st.none().map(lambda _: []),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-3, max_value=10),
    st.floats(),
    st.text(max_size=12),
    WORDS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(WORDS, st.sampled_from(["low", "high", "value", "choices", "when", "type", "kind"])),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


def tables(changes: dict[str, object]) -> dict[str, object]:
    """The tables of the job that is right, with other values at some dotted keys."""
    content: dict[str, object] = {}
    for key, value in {**{key: json.loads(text) for key, text in JOB.items()}, **changes}.items():
        *path, last = key.split(".")
        place = content
        for name in path:
            place = place.setdefault(name, {}) if isinstance(place.setdefault(name, {}), dict) else {}
        place[last] = value
    return content


@examples(400)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=2))
def test_any_value_at_any_key_is_accepted_or_refused_by_name(changes):
    try:
        job = read_tables(tables(changes)).job()
    except SpecError as error:
        job, refusal = None, str(error)
    if job is None:
        assert refusal.strip()
        return
    content = json.loads(json.dumps(written(job.model_dump(mode="json"))))
    assert Job.model_validate(content) == job


@pytest.fixture
def validated(tmp_path, monkeypatch):
    """Write a job, validate it with arguments behind it, and say what came of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PTUNE_DEBUG", raising=False)

    def call(text: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "j.toml").write_bytes(text.encode(errors="surrogatepass"))
        streams = io.StringIO()
        with contextlib.redirect_stdout(streams), contextlib.redirect_stderr(streams):
            code = run(["validate", "j.toml", *arguments])
        return code, streams.getvalue()

    return call


@examples(150)
@given(
    text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60), place=st.integers(0, 200), cut=st.integers(0, 20)
)
def test_a_job_with_a_hole_or_a_patch_is_answered_in_words(validated, text, place, cut):
    whole = toml()
    code, said = validated(whole[:place] + text + whole[place + cut :])
    assert code in (0, 2)
    assert said.strip()
    assert "should not happen" not in said


SETTINGS = st.one_of(
    st.text(max_size=30),
    st.builds("{}={}".format, st.sampled_from(KEYS), st.text(max_size=20)),
    st.builds("{}={}".format, st.text(alphabet=string.ascii_letters + "._[]{}", max_size=12), st.text(max_size=12)),
    st.builds("{}={}".format, st.sampled_from(KEYS), VALUES.map(lambda value: json.dumps(value).replace(": ", " = "))),
)


@examples(150)
@given(given_settings=st.lists(SETTINGS, min_size=1, max_size=2))
def test_any_setting_is_accepted_or_refused_by_name(validated, given_settings):
    code, said = validated(toml(), *(word for setting in given_settings for word in ("--set", setting)))
    assert code in (0, 2)
    assert said.strip()
    assert "should not happen" not in said
