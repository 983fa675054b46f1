"""Jobs of the library in miniature: the same task, prompts and recipe on tiny backbones and a few local rows."""

import json
from pathlib import Path

from ptune.spec import grid
from ptune.spec.job import Job
from support import families

RELATIONS = ["P1001", "P17"]
ROWS = 24
TEXT = 56
NESTED_WSC = {"explode": "target", "rename": {"target.span1_text": "span1_text", "target.span2_text": "span2_text"}}
NESTED_MULTIRC = {
    "explode": "passage.questions.answers",
    "rename": {
        "passage.text": "paragraph",
        "passage.questions.question": "question",
        "passage.questions.answers.text": "answer",
        "passage.questions.answers.label": "label",
        "passage.questions.idx": "idx.question",
    },
}
AS_NAMED = {"replace": {"label": {"true": "True", "false": "False"}}}
"""Local files hold JSON booleans where the Hub's data sets name their labels `True` and `False`."""
NESTED_RECORD = {
    "explode": "qas",
    "rename": {
        "passage.text": "passage",
        "passage.entities": "entities",
        "qas.query": "query",
        "qas.answers": "answers",
    },
}
NLI = {
    "train": "klue/klue-nli-v1.1_dev.json",
    "dev": "klue/klue-nli-v1.1_dev.json",
    "rename": {"gold_label": "label"},
}
HUB = {
    "boolq": {"train": "fewglue32/BoolQ/train.jsonl", "dev": "fewglue32/BoolQ/dev32.jsonl", **AS_NAMED},
    "copa": {"train": "copa/train.jsonl", "dev": "copa/dev.jsonl"},
    "multirc": {
        "train": "fewglue32/MultiRC/train.jsonl",
        "dev": "fewglue32/MultiRC/dev32.jsonl",
        **NESTED_MULTIRC,
    },
    "rte": {
        "train": "rte/train.jsonl",
        "dev": "rte/dev.jsonl",
        "rename": {"sentence_1": "premise", "sentence_2": "hypothesis"},
    },
    "sst2": {
        "train": "sst2/dev.tsv",
        "dev": "sst2/dev.tsv",
        "replace": {"label": {"0": "negative", "1": "positive"}},
    },
    "wic": {"train": "fewglue32/WiC/train.jsonl", "dev": "fewglue32/WiC/dev32.jsonl", **AS_NAMED},
    "wsc.fixed": {
        "train": "fewglue32/WSC/dev32.jsonl",
        "dev": "fewglue32/WSC/dev32.jsonl",
        **AS_NAMED,
        **NESTED_WSC,
    },
    "nli": NLI,
    "cb": NLI,  # as CB has it: premise, hypothesis and three labels
}
"""Local data by configuration of a Hub data set."""
MADE = {
    "roles": {"words": ["he", "sold", "it", "."], "tags": ["B-A0", "B-V", "B-A1", "O"], "predicate": "sold"},
    "emotions": {"text": "the old one is red", "labels": ["joy", "love"]},
    "pairs": {"sentence1": "the old one is red", "sentence2": "a red one", "label": 3.8},
    "questions": {
        "question": "what is red",
        "context": "the old round one is red and the new one is blue",
        "answers": {"text": ["round one"], "answer_start": [8]},
    },
    "record": {
        "passage": {"text": "the red one is old", "entities": [{"start": 4, "end": 6}, {"start": 15, "end": 17}]},
        "qas": [{"query": "@placeholder is new", "answers": [{"start": 4, "end": 6, "text": "red"}]}],
    },
}
"""A row of what is not among the local data."""


def make_files(folder):
    """Write the made rows to files of their own."""
    for name, row in MADE.items():
        (folder / f"{name}.jsonl").write_text(f"{json.dumps(row)}\n" * ROWS, encoding="utf-8")


def local_data(data, shared, made):
    """A data set's table with local files in place of its own; a built-in task stays, with few rows."""
    if (data["source"] or "").startswith("builtin:"):
        return {**data, "limit_train": ROWS, "limit_dev": ROWS, "max_length": TEXT}
    files = _files(data, made)
    for role in ("train", "dev", "test"):
        files[role] = None if files.get(role) is None else str(shared / files[role])
    limits = {"limit_train": ROWS, "limit_dev": ROWS, "limit_test": ROWS, "limit_by": "first", "max_length": TEXT}
    shots = {"shots": ROWS // 2} if data["shots"] else {}
    stride = {"stride": TEXT // 3} if data.get("stride") else {}
    return {**data, "source": None, "config": None, **files, **limits, **shots, **stride}


def _files(data, made):
    train = data["train"]
    if data["source"] is not None and data["source"].startswith("rajpurkar/"):
        return dict.fromkeys(("train", "dev"), made / "questions.jsonl")
    if data["config"] == "record":
        return {**NESTED_RECORD, **dict.fromkeys(("train", "dev"), made / "record.jsonl")}
    if data["config"] in ("stsb", "simplified"):
        name = {"stsb": "pairs", "simplified": "emotions"}[data["config"]]
        return dict.fromkeys(("train", "dev"), made / f"{name}.jsonl")
    if data["source"] is not None:
        return dict(HUB[data["config"]])
    if train.endswith(".conll"):
        return dict.fromkeys(("train", "dev"), "wnut17/emerging.dev.conll")
    if "{relation}" in train:
        files = {"train": "pararel/facts/{relation}.jsonl[:24]", "dev": "pararel/facts/{relation}.jsonl[24:40]"}
        if data["templates"] is not None:
            files["templates"] = {relation: data["templates"][relation] for relation in RELATIONS}
        relations = RELATIONS if len(data["relations"]) > 1 else data["relations"]
        return {**files, "vocabulary": None, "relations": relations}
    if "/CB/" in train:
        return dict(HUB["cb"])
    if "FewGLUE_32dev" in train:
        return {role: f"fewglue32/{data[role].split('FewGLUE_32dev/')[1]}" for role in ("train", "dev", "test")}
    return dict.fromkeys(("train", "dev"), made / "roles.jsonl")


def miniature(job, shared, made, backbone, start=None):
    """The job on local data, or made rows, and a tiny backbone; two trials of one epoch."""
    content = job.model_dump(mode="json")
    task = content["task"]
    several = "more" in task and not isinstance(task["data"].get("relations"), list)
    local = [local_data(data, shared, made) for data in (task["data"], *(task["more"] if several else []))]
    task["data"] = local[0]
    if several:
        task["more"] = local[1:]
    most = job.budget.trials or grid.size(job.space.resolved(24))
    budget = {"sampler": job.budget.sampler, "trials": min(2, most), "epochs": 1}
    content |= {
        "backbone": {"id": str(backbone), "dtype": "float32"},
        "tracking": {"type": "none"},
        "space": small_space(content["space"]),
        "published": [],
        "start": None if start is None else str(start),
        "budget": {**budget, "stopping": {"type": "none"}},
    }
    return Job.model_validate(content)


def small_space(space):
    """The same parameters with short v2 prompts, narrow encoders and no horizons of their own."""
    parameters = {name: stated for name, stated in space["parameters"].items() if name != "epochs"}
    methods = [value for one in parameters["method"] for value in one["choices"] or [one["value"]]]
    fixed = {"hidden": 16, "passes": 1} | ({} if "v1" in methods else {"length": 3})
    for name in fixed.keys() & parameters.keys():
        parameters[name] = [{"when": one["when"], "value": fixed[name]} for one in parameters[name]]
    if "v1" in methods:
        parameters["length"] = [
            {"when": one["when"], "value": 3} if one["when"].get("method") == "v2" else one
            for one in parameters["length"]
        ]
    baseline = [
        {name: fixed.get(name, value) for name, value in point.items() if name != "epochs"}
        for point in space["baseline"]
    ]
    return {"parameters": parameters, "baseline": baseline}


def parts_of(job):
    """What a miniature tries: a task as it is laid out, and a space on a kind of task; both on a family of models."""
    task = job.task.model_dump(mode="json")
    for data in (task["data"], *(task.get("more") or [])):
        for role in ("train", "dev", "test", "source", "name", "max_length", "vocabulary"):
            data.pop(role, None)
    parameters = small_space(job.space.model_dump())["parameters"]
    stated = {name: [[one["when"], one.get("choices") is None] for one in defs] for name, defs in parameters.items()}
    stated.pop("template", None)
    stated.pop("length", None)
    family = job.backbone.id.split("/")[-1].split("-")[0] if job.task.language else ""
    return {json.dumps(part, sort_keys=True) for part in ([task, family], [job.task.kind, stated, family])}


def objects(shared, relations, count):
    """The objects of a relation's first facts that are single words."""
    lines = [line for one in relations for line in _lines(shared / "pararel" / "facts" / f"{one}.jsonl")[:count]]
    return sorted({word for word in (json.loads(line)["obj_label"] for line in lines) if word.isalpha()})


def _lines(path: Path):
    return path.read_text(encoding="utf-8").splitlines()


def with_words(monkeypatch, words):
    """Make tiny tokenizers know these words as single tokens, too."""
    known = families.WORDS
    monkeypatch.setattr(families, "WORDS", [*known, *sorted({word.lower() for word in words} - set(known))])
    monkeypatch.setattr(families, "_SENTENCE", " ".join([*known, *words]))
