"""The files that a job names, and the same job with them elsewhere."""

from pathlib import Path

from ptune.spec.files import named_files, relocated
from ptune.spec.job import Job
from ptune.spec.same import differences, identity
from support.small_jobs import small_job


def changed(job, **data):
    content = job.model_dump(mode="json")
    content["task"]["more"] = data.pop("more", [])
    content["task"]["data"] |= data
    return type(job).model_validate(content)


def named(job):
    return [(file.place, str(file.path), str(file.root)) for file in named_files(job)]


def test_every_file_of_every_data_set_is_named_once(tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    more = [{"train": "/b/train.csv[:80%]", "dev": "/b/train.csv[80%:]", "text": ["text"]}]
    assert named(changed(job, train="/a/x/train.csv", dev="/a/dev.csv", test=None, more=more)) == [
        (("task", "data", "train"), "/a/x/train.csv", "/a/x"),
        (("task", "data", "dev"), "/a/dev.csv", "/a"),
        (("task", "more", 0, "train"), "/b/train.csv", "/b"),
    ]


def test_hub_data_and_built_in_data_name_no_files(tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    for source in ("nyu-mll/glue", "builtin:whose_job"):
        assert named(changed(job, source=source, train="train", dev="dev")) == []
    assert named(changed(job, source="/a/folder", train="train", dev="dev")) == [
        (("task", "data", "source"), "/a/folder", "/a")
    ]


def test_a_job_with_its_files_elsewhere_searches_the_same(tiny_backbone, tmp_path):
    job = changed(small_job(tmp_path, tiny_backbone("bert")), train="/a/train.csv[:80%]", dev="/b/dev.csv")
    moved = relocated(job, {Path("/a"): "./files/0"})
    assert (moved.task.data.train, moved.task.data.dev) == ("./files/0/train.csv[:80%]", "/b/dev.csv")
    there = relocated(job, {Path("/a"): "/far/0", Path("/b"): "/far/1"})
    assert differences(job, there) == []
    assert identity(job) == identity(there) != identity(changed(job, train="/a/other.csv"))


def test_files_of_a_job_whose_steps_are_counted_move_too(tiny_backbone, tmp_path):
    job = small_job(tmp_path, tiny_backbone("bert"))
    counted = job.budget.model_copy(update={"report_every": "1/3 epochs (2 steps)"})
    moved = relocated(job.model_copy(update={"budget": counted}), {tmp_path: "/far/0"})
    assert (moved.budget, moved.task.data.train) == (counted, "/far/0/train.tsv")


def test_the_relations_of_facts_move_together(tiny_backbone, tmp_path):
    files = {"train": "/a/{relation}/train.jsonl", "dev": "/a/{relation}/dev.jsonl", "vocabulary": "/b/words.txt"}
    facts = {"relations": ["P17", "P36"], "text": ["sub_label"], "label": "obj_label", "template": "{sub_label} [MASK]"}
    content = small_job(tmp_path, tiny_backbone("bert")).model_dump(mode="json")
    job = Job.model_validate(content | {"task": {"kind": "cloze", "data": files | facts}})
    assert [(path, root) for _, path, root in named(job)] == [
        ("/a/P17/train.jsonl", "/a"),
        ("/a/P17/dev.jsonl", "/a"),
        ("/b/words.txt", "/b"),
        ("/a/P36/train.jsonl", "/a"),
        ("/a/P36/dev.jsonl", "/a"),
    ]
    moved = relocated(job, {Path("/a"): "/far/0", Path("/b"): "/far/1"})
    assert [data.train for data in moved.task.sets] == ["/far/0/P17/train.jsonl", "/far/0/P36/train.jsonl"]
    assert moved.task.data.vocabulary == "/far/1/words.txt"
