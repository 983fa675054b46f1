"""A job for data that ptune has never seen: proposed by `inspect-data`, written by `init`, accepted by `validate`."""

import json
import re
import tomllib
from dataclasses import replace

import pandas as pd
import pytest

from ptune.backbone.locate import located
from ptune.backbone.profile import read_profile
from ptune.data.proposal import propose
from ptune.record.shipped_tables import names
from ptune.spec import published_settings
from ptune.spec.load import load_job

COLOURS = ["red", "green", "blue"]


def rows_of(count: int):
    """Rows with a text, a label that repeats and a number that does not."""
    return [
        {"id": n, "review": f"thing number {n} was as {COLOURS[n % 3]} as I like", "stars": n % 3} for n in range(count)
    ]


FILES = {
    "semicolons.csv": (
        "id;review;stars\n" + "".join(f"{r['id']};schön, {r['review']};{r['stars']}\n" for r in rows_of(30)),
        {"kind": "classification", "text": ["review"], "label": "stars", "delimiter": ";"},
    ),
    "latin.csv": (
        ("review,stars\n" + "".join(f"{r['review']} öde,{r['stars']}\n" for r in rows_of(30))).encode("latin-1"),
        {"kind": "classification", "text": ["review"], "label": "stars", "encoding": "cp1252"},
    ),
    "pandas.csv": (
        pd.DataFrame(rows_of(30)).to_csv(),
        {"kind": "classification", "text": ["review"], "label": "stars"},
    ),
    "columns.json": (
        pd.DataFrame(rows_of(30)).to_json(),
        {"kind": "classification", "text": ["review"], "label": "stars"},
    ),
    "intents.json": (
        json.dumps(
            {"intents": [{"tag": c, "patterns": [f"{c} {n}, if I may say so" for n in range(9)]} for c in COLOURS]}
        ),
        {"kind": "classification", "explode": "intents.patterns", "text": ["intents.patterns"], "label": "intents.tag"},
    ),
    "pairs.tsv": (
        "premise\thypothesis\tgold_label\n" + "".join(f"a man {n}\tone is {n}\t{COLOURS[n % 3]}\n" for n in range(30)),
        {"kind": "classification", "text": ["premise", "hypothesis"], "label": "gold_label"},
    ),
    "words.conll": (
        "thing B-x\nred O\n\nbig O\nbox B-x\n\n" * 10,
        {"kind": "tokens", "words": "words", "tags": "tags"},
    ),
    "words.txt": ("thing B-x\nred O\n\nbig O\nbox B-x\n\n" * 10, {"kind": "tokens", "words": "words", "tags": "tags"}),
    "tokens.jsonl": (
        "\n".join(json.dumps({"id": n, "tokens": ["a", str(n)], "ner_tags": ["O", "B-x"]}) for n in range(20)),
        {"kind": "tokens", "words": "tokens", "tags": "ner_tags"},
    ),
    "squad.json": (
        json.dumps(
            {
                "data": [
                    {
                        "paragraphs": [
                            {
                                "context": f"Box {n} is red.",
                                "qas": [
                                    {
                                        "question": f"How is box {n}?",
                                        "answers": [{"text": "red", "answer_start": len(f"Box {n} is ")}],
                                    }
                                ],
                            }
                            for n in range(10)
                        ]
                    }
                ]
            }
        ),
        {"kind": "span", "explode": "data.paragraphs.qas", "context": "data.paragraphs.context"},
    ),
    "similar.csv": (
        "id,sentence1,sentence2,score\n" + "".join(f"{n},a man {n},one man {n},{n % 50 / 10}\n" for n in range(60)),
        {"kind": "regression", "text": ["sentence1", "sentence2"], "label": "score"},
    ),
    "topics.jsonl": (
        "\n".join(
            json.dumps({"text": f"this is a text {n}", "topics": ["art", "law"][n % 2 : 1 + n % 3]}) for n in range(20)
        ),
        {"kind": "multilabel", "text": ["text"], "label": "topics"},
    ),
    "genres.csv": (
        "plot,genres\n" + "".join(f"a story of {n} men,{['war|love', 'love', 'war'][n % 3]}\n" for n in range(30)),
        {"kind": "multilabel", "text": ["plot"], "label": "genres", "separator": "|"},
    ),
    "comments.csv": (
        "id,comment_text,toxic,obscene,threat\n"
        + "".join(f"c{n},a comment of {n} people,{n % 2},{int(n % 3 == 0)},{int(n > 20)}\n" for n in range(30)),
        {"kind": "multilabel", "text": ["comment_text"], "label_columns": ["toxic", "obscene", "threat"]},
    ),
    "fractions.jsonl": (
        "\n".join(json.dumps({"essay": f"an essay on {n} things", "readability": n / 7 - 2}) for n in range(20)),
        {"kind": "regression", "text": ["essay"], "label": "readability"},
    ),
    "choice.jsonl": (
        "\n".join(
            json.dumps(
                {"premise": f"It rained on day {n}.", "ending0": "I ran.", "ending1": f"I sat {n}.", "label": n % 2}
            )
            for n in range(20)
        ),
        {"kind": "choice", "text": ["premise"], "choices": ["ending0", "ending1"], "label": "label"},
    ),
    "summary.jsonl": (
        "\n".join(json.dumps({"document": f"text {n} " * 9, "summary": f"this is text {n}"}) for n in range(20)),
        {"kind": "generation", "text": ["document"], "target": "summary"},
    ),
}


def written(folder, name: str):
    content, expected = FILES[name]
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return expected


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_understood_and_its_proposal_loads(ptune, tmp_path, name):
    expected = written(tmp_path, name)
    result = ptune("inspect-data", name)
    assert (result.code, result.err) == (0, "")
    task = tomllib.loads(result.out)["task"]
    found = {"kind": task["kind"], **task["data"]}
    assert {key: found.get(key) for key in expected} == expected
    assert found.keys() - expected.keys() <= {"train", "dev", "question", "answers"}


def test_splits_that_lie_beside_a_file_are_its_splits(tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / f"a-{split}.csv").write_text("text,label\n" + "a b c,x\nd e f,y\n" * 5, encoding="utf-8")
    keys = propose(tmp_path / "a-train.csv").keys
    assert {role: keys[role] for role in ("train", "dev", "test")} == {
        "train": f"{tmp_path}/a-train.csv",
        "dev": f"{tmp_path}/a-valid.csv",
        "test": f"{tmp_path}/a-test.csv",
    }


def test_a_file_without_a_task_is_refused_with_its_columns(ptune, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{n},{n * 7}\n" for n in range(20)), encoding="utf-8")
    result = ptune("inspect-data", "a.csv")
    assert (result.code, result.out) == (2, "")
    assert "a.csv: no columns for a task are found (there are: x, y)" in result.err
    assert "no columns for kind = 'span'" in ptune("inspect-data", "a.csv", "--task", "span").err


@pytest.mark.parametrize("name", ["semicolons.csv", "words.conll", "choice.jsonl", "squad.json", "similar.csv"])
def test_a_job_is_written_that_validate_accepts(ptune, tmp_path, name):
    written(tmp_path, name)
    (tmp_path / "jobs").mkdir()
    result = ptune("init", "jobs/my job.toml", "--data", name, "--backbone", "packaged:minilm", "--trials", 3)
    assert (result.code, result.err) == (0, "")
    assert "`ptune search" in result.out
    job = load_job(tmp_path / "jobs" / "my job.toml")
    assert (job.name, job.budget.trials) == ("my-job", 3)
    assert ptune("validate", "jobs/my job.toml", "--data").code == 0


def test_nothing_is_replaced_and_no_wrong_job_is_left(ptune, tmp_path):
    written(tmp_path, "pairs.tsv")
    (tmp_path / "a.toml").write_text("mine", encoding="utf-8")
    flags = ("--data", "pairs.tsv", "--backbone", "packaged:minilm")
    assert "a.toml: exists, and is not replaced" in ptune("init", "a.toml", *flags).err
    assert (tmp_path / "a.toml").read_text(encoding="utf-8") == "mine"
    assert ptune("init", "b.toml", "--data", "pairs.tsv", "--backbone", "packaged:nothing").code == 2
    assert "--data is missing, and there is no terminal to ask" in ptune("init", "b.toml").err
    assert "ends with .toml" in ptune("init", "b.json", *flags).err
    assert "there is no folder none" in ptune("init", "none/b.toml", *flags).err
    (tmp_path / "sorted.csv").write_text("text,label\n" + "a b c,x\n" * 8 + "d e f,y\n" * 2, encoding="utf-8")
    result = ptune("init", "b.toml", "--data", "sorted.csv", "--backbone", "packaged:minilm")
    assert (result.code, "every example here has 'x'" in result.err) == (2, True)
    assert [path.name for path in tmp_path.glob("*.toml")] == ["a.toml"]


def test_a_job_begins_with_recorded_configurations_where_its_kind_has_some(ptune, tmp_path):
    written(tmp_path, "pairs.tsv")
    written(tmp_path, "words.conll")
    assert ptune("init", "some.toml", "--data", "pairs.tsv", "--backbone", "packaged:minilm").code == 0
    prior = load_job(tmp_path / "some.toml").prior
    assert prior is not None
    assert (prior.recorded, prior.published) == (True, False)
    told = ptune("validate", "some.toml").out.splitlines()[1:]
    assert prior.best < len(told) <= prior.best * len(names()), "two tables may have the same"
    assert all(
        re.search(
            r"tried first: \d+ tokens · .+ · batch size 16 · .+ \(recorded curves of \w+: rank \d+ of 312, 0\.\d+\)",
            line,
        )
        for line in told
    )
    best = ptune("validate", "some.toml", "--set", 'prior.recorded=["sst2"]', "--set", "prior.best=1").out.splitlines()
    assert best[1:] == told[:1]
    unknown = ptune("validate", "some.toml", "--set", 'prior.recorded=["sst"]')
    assert (unknown.code, "[prior].recorded: no table 'sst'; did you mean 'sst2'" in unknown.err) == (2, True)
    strange = ptune("validate", "some.toml", "--set", "space.parameters.length={value=7}")
    assert (strange.code, "space has none of the better configurations recorded in sst2, whose_job" in strange.err) == (
        2,
        True,
    )

    assert ptune("init", "words.toml", "--data", "words.conll", "--backbone", "packaged:minilm").code == 0
    assert "[prior]" not in (tmp_path / "words.toml").read_text(encoding="utf-8")
    refused = ptune("validate", "words.toml", "--set", "prior.recorded=true")
    assert (refused.code, "no table of recorded curves is of kind = 'tokens'" in refused.err) == (2, True)
    elsewhere = ptune("validate", "words.toml", "--set", "prior.recorded=['sst']", "--set", "backbone.id=a/b")
    assert (elsewhere.code, "[prior].recorded: no table 'sst'; did you mean 'sst2'" in elsewhere.err) == (2, True)


def test_prompts_lie_in_the_last_two_thirds_of_the_layers_where_curves_say_so(ptune, tmp_path, tiny_backbone):
    written(tmp_path, "pairs.tsv")
    written(tmp_path, "words.conll")

    def depth(job, data, backbone):
        assert ptune("init", job, "--data", data, "--backbone", backbone).code == 0
        return load_job(tmp_path / job).space.parameters.get("depth")

    (minilm,) = depth("minilm.toml", "pairs.tsv", "packaged:minilm")
    assert minilm.value == 4
    (llama,) = depth("llama.toml", "pairs.tsv", tiny_backbone("llama"))
    assert llama.value == round(2 / 3 * read_profile(tiny_backbone("llama")).layers)
    assert depth("words.toml", "words.conll", "packaged:minilm") is None, "no curves of the kind are recorded"
    assert depth("t5.toml", "pairs.tsv", tiny_backbone("t5")) is None, "it runs all layers anyway"
    assert depth("later.toml", "pairs.tsv", "nobody/bert") is None, "nobody knows its layers"


def test_a_job_begins_with_published_settings_where_some_fit(ptune, tmp_path, monkeypatch):
    written(tmp_path, "pairs.tsv")
    init = ("--data", "pairs.tsv", "--backbone")
    assert ptune("init", "none.toml", *init, "packaged:minilm").code == 0
    assert "published" not in (tmp_path / "none.toml").read_text(encoding="utf-8")
    refused = ptune("validate", "none.toml", "--set", "prior.published=true")
    assert (refused.code, "none.toml: [prior].published: no published setting fits" in refused.err) == (2, True)
    assert ptune("init", "later.toml", *init, "nobody/bert-large").code == 0
    assert "\n# published = true" in (tmp_path / "later.toml").read_text(encoding="utf-8")
    later = ptune("validate", "later.toml", "--set", "prior.published=true")
    assert "tried first: published settings that fit the backbone, which is not here" in later.out
    assert "tried first: recorded configurations for the layers of the backbone, which is not here" in later.out

    minilm = read_profile(located("packaged:minilm"), "packaged:minilm").model
    boolq = [replace(each, model=minilm) for each in published_settings.PUBLISHED_SETTINGS if each.data == "BoolQ"]
    monkeypatch.setattr(published_settings, "PUBLISHED_SETTINGS", boolq)
    assert ptune("init", "some.toml", *init, "packaged:minilm").code == 0
    some = load_job(tmp_path / "some.toml")
    assert some.prior.published
    assert "depth" not in some.space.parameters, "published prompts lie in all layers"
    alone = ("--set", "prior.recorded=false")
    told = ptune("validate", "some.toml", *alone, "--set", 'prior.searches=["reviews"]').out.splitlines()[1:]
    assert told == [
        "   tried first: the best 3 configurations of reviews",
        f"   tried first: embedding · batch size 32 · lr 0.005 ({boolq[0].source})",
        f"   tried first: 8 tokens · embedding · batch size 32 · lr 0.007 ({boolq[1].source})",
    ]
    assert json.loads(ptune("validate", "some.toml", *alone, "--json").out)["jobs"][0]["tried_first"] == [
        line.removeprefix("   tried first: ") for line in told[1:]
    ]
    point = 'space.baseline=[{encoder="embedding", batch_size=32, lr=0.005}]'
    both = ptune("validate", "some.toml", *alone, "--set", point).out.splitlines()[1:]
    assert both == [
        f"   tried first: embedding · batch size 32 · lr 0.005 (baseline point of the space, and {boolq[0].source})",
        f"   tried first: 8 tokens · embedding · batch size 32 · lr 0.007 ({boolq[1].source})",
    ]
