"""Reading tasks: real data in every format, and every way in which data can be wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from ptune.data.sources import load_splits
from ptune.errors import DataError
from ptune.spec.data import ClassificationData as Data
from support.data_files import write

GOOD = "text\tlabel\nfine film\tpos\ndull film\tneg\n"


def local(folder: Path, train: str = GOOD, dev: str = GOOD, suffix: str = ".tsv", **options) -> Data:
    paths = {"train": write(folder / f"train{suffix}", train), "dev": write(folder / f"dev{suffix}", dev)}
    return Data(**paths | options)


def problem(data: Data) -> str:
    with pytest.raises(DataError) as caught:
        load_splits(data, seed=0)
    return str(caught.value)


def test_sst2_is_read_as_it_is_written(shared_data):
    folder = shared_data / "sst2"
    data = Data(train=str(folder / "dev.tsv"), dev=str(folder / "test-labeled.tsv"), text=["sentence"])
    splits = load_splits(data, seed=0)
    assert (len(splits.train), len(splits.dev), splits.test) == (872, 1821, None)
    assert splits.labels == ["0", "1"]
    assert splits.train.texts[0] == ("it 's a charming and often affecting journey . ",)
    assert splits.train.labels[:3] == [1, 0, 1]
    assert splits.train.source == str(folder / "dev.tsv")


def test_every_line_of_a_tsv_is_one_example_however_many_quotes_it_holds(shared_data):
    path = shared_data / "kornli" / "xnli.dev.ko.tsv"
    data = Data(train=str(path), dev=str(path), text=["sentence1", "sentence2"], label="gold_label")
    splits = load_splits(data, seed=0)
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    assert len(splits.train) == len(lines) == 2490
    assert splits.train.texts[0] == ('그리고 그가 말했다, "엄마, 저 왔어요."', lines[0].split("\t")[1])
    assert splits.labels == ["contradiction", "entailment", "neutral"]


def test_a_json_array_and_a_tsv_form_one_task_if_their_columns_agree(shared_data, tmp_path):
    rows = json.loads((shared_data / "klue" / "klue-nli-v1.1_dev.json").read_text(encoding="utf-8"))
    lines = [f"{row['premise']}\t{row['hypothesis']}\t{row['gold_label']}" for row in rows[:50]]
    train = write(tmp_path / "train.tsv", "\n".join(["premise\thypothesis\tgold_label", *lines]))
    dev = str(shared_data / "klue" / "klue-nli-v1.1_dev.json")
    splits = load_splits(Data(train=train, dev=dev, text=["premise", "hypothesis"], label="gold_label"), seed=0)
    assert len(splits.dev) == 3000
    assert splits.dev.texts[:50] == splits.train.texts
    assert splits.dev.labels[:50] == splits.train.labels


def test_rte_jsonl_takes_the_label_order_that_the_job_states(shared_data):
    path = str(shared_data / "rte" / "dev.jsonl")
    data = Data(train=path, dev=path, text=["sentence_1", "sentence_2"], labels=["not_entailment", "entailment"])
    splits = load_splits(data, seed=0)
    assert splits.labels == ["not_entailment", "entailment"]
    assert len(splits.train) == 277
    assert splits.train.labels[0] == 0


def test_a_parquet_file_gives_its_declared_label_names(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos", "mixed"])})
    path = str(tmp_path / "train.parquet")
    Dataset.from_dict({"text": ["good", "bad"], "label": [1, 0]}, features=features).to_parquet(path)
    splits = load_splits(Data(train=path, dev=path), seed=0)
    assert splits.labels == ["neg", "pos", "mixed"]
    assert splits.train.labels == [1, 0]


def test_csv_cells_stay_words(tmp_path):
    rows = 'text,label\n"Quoted, with a comma",x\nNA,y\nnull,x\n1984,y\n'
    splits = load_splits(local(tmp_path, train=rows, dev=rows, suffix=".csv"), seed=0)
    assert [text for (text,) in splits.train.texts] == ["Quoted, with a comma", "NA", "null", "1984"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path):
    splits = load_splits(local(tmp_path, train="\ufeff" + GOOD.replace("\n", "\r\n")), seed=0)
    assert splits.train.texts == splits.dev.texts
    assert splits.labels == ["neg", "pos"]


def test_a_path_is_a_path_and_no_pattern(tmp_path):
    folder = tmp_path / ".hidden [v1]* ?"
    folder.mkdir()
    assert len(load_splits(local(folder), seed=0).train) == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10, 9, 2], ["2", "9", "10"]),
        ([True, False, True], ["false", "true"]),
        (["b", "a", "10"], ["10", "a", "b"]),
        (["10", "9", "-1"], ["-1", "9", "10"]),
    ],
)
def test_labels_are_sorted_as_what_they_are(tmp_path, values, expected):
    lines = "\n".join(json.dumps({"text": "word", "label": value}) for value in values)
    splits = load_splits(local(tmp_path, train=lines, dev=lines, suffix=".jsonl"), seed=0)
    assert splits.labels == expected


def test_the_test_split_is_read_when_it_is_named(tmp_path):
    data = local(tmp_path, test=write(tmp_path / "test.tsv", "text\tlabel\nodd film\tneg\n"))
    splits = load_splits(data, seed=0)
    assert splits.test.texts == [("odd film",)]
    assert splits.test.labels == [0]


def many(count: int) -> str:
    return "text\tlabel\n" + "".join(f"text {n}\t{n % 3}\n" for n in range(count))


def test_a_training_limit_draws_by_seed_and_keeps_the_order(tmp_path):
    data = local(tmp_path, train=many(100), limit_train=30)
    first, again, other = (load_splits(data.model_copy(update={"dev": data.train}), seed).train for seed in (1, 1, 2))
    numbers = [int(text.split()[1]) for (text,) in first.texts]
    assert len(numbers) == 30
    assert numbers == sorted(numbers) != list(range(30))
    assert first == again
    assert first.digest != other.digest


def test_a_smaller_training_limit_is_a_subset_of_a_larger_one(tmp_path):
    data = local(tmp_path, train=many(50), dev=many(9))
    small, large = (set(load_splits(data.model_copy(update={"limit_train": k}), seed=3).train.texts) for k in (10, 20))
    assert small < large


def test_a_limit_can_take_the_first_examples_as_old_searches_did(tmp_path):
    splits = load_splits(local(tmp_path, train=many(9), dev=many(100), limit_dev=4, limit_by="first"), seed=5)
    assert splits.dev.texts == [("text 0",), ("text 1",), ("text 2",), ("text 3",)]


def test_limits_larger_than_the_data_use_all_of_it(tmp_path):
    splits = load_splits(local(tmp_path, train=many(9), dev=many(9), limit_dev=40, limit_train=40), seed=5)
    assert splits.train.texts == splits.dev.texts
    assert len(splits.train) == 9


def test_labels_do_not_depend_on_what_a_limit_leaves(tmp_path):
    assert load_splits(local(tmp_path, train=many(9), dev=many(9), limit_train=1), seed=0).labels == ["0", "1", "2"]


def test_the_digest_names_texts_and_labels(tmp_path):
    splits = load_splits(local(tmp_path), seed=0)
    relabelled = load_splits(local(tmp_path, dev=GOOD.replace("pos", "neg")), seed=0)
    assert splits.train.digest == splits.dev.digest == relabelled.train.digest
    assert relabelled.dev.digest != splits.dev.digest


# --- what is refused ---


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path):
    data = local(tmp_path).model_copy(update={"dev": str(tmp_path / "dve.tsv")})
    assert problem(data) == f"{tmp_path}/dve.tsv: there is no such file; did you mean 'dev.tsv'?"


def test_a_missing_folder_is_named(tmp_path):
    data = local(tmp_path).model_copy(update={"dev": str(tmp_path / "none" / "dev.tsv")})
    assert f"there is no folder {tmp_path}/none" in problem(data)


def test_a_suffix_must_be_known(tmp_path):
    message = problem(local(tmp_path, suffix=".json1"))
    known = ".csv, .tsv, .jsonl, .json, .parquet, .conll, .annotated, .txt"
    assert (
        f"the suffix must be one of {known}, or one of these with .gz or .zip behind it, got '.json1'; did you"
        in message
    )


def test_all_missing_columns_of_all_splits_are_reported_together(tmp_path):
    rows = "sentence\tlable\nfine\t1\n"
    lines = problem(local(tmp_path, train=rows, dev=rows, text=["text", "sentense"])).splitlines()
    assert len(lines) == 6
    assert lines[1] == (
        f"{tmp_path}/train.tsv: there is no column 'sentense'; did you mean 'sentence'? (there are: sentence, lable)"
    )
    assert lines[5].startswith(f"{tmp_path}/dev.tsv: there is no column 'label'; did you mean 'lable'?")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".tsv", ""),
        (".tsv", "text\tlabel\n"),
        (".csv", "text,label\n"),
        (".jsonl", "\n"),
        (".json", "[]"),
    ],
)
def test_an_empty_split_is_refused(tmp_path, suffix, content):
    good = '{"text": "a", "label": 0}\n{"text": "b", "label": 1}' if "json" in suffix else GOOD
    assert f"dev{suffix}: holds no examples" in problem(local(tmp_path, train=good, dev=content, suffix=suffix))


def test_an_empty_parquet_file_is_refused(tmp_path):
    path = str(tmp_path / "none.parquet")
    Dataset.from_dict({"text": [], "label": []}).to_parquet(path)
    assert "none.parquet: holds no examples" in problem(Data(train=path, dev=path))


def test_an_unknown_label_is_named_with_its_row_and_the_valid_ones(tmp_path):
    message = problem(local(tmp_path, dev=GOOD + "odd\tposs\nodder\tposs\n"))
    assert message == (
        f"{tmp_path}/dev.tsv: row 3: label 'poss' is not among the labels; did you mean 'pos'? (valid: neg, pos)"
        " (1 more of 4 rows are bad)"
    )


def test_labels_stated_in_the_job_bind_the_training_split_too(tmp_path):
    message = problem(local(tmp_path, labels=["pos", "negative"]))
    assert "train.tsv: row 2: label 'neg' is not among the labels" in message
    assert "dev.tsv: row 2: label 'neg' is not among the labels" in message


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('{"text": null, "label": "x"}', "column 'text': row 2: the text is missing (null)"),
        ('{"text": "  ", "label": "x"}', "column 'text': row 2: the text is empty: '  '"),
        ('{"text": 7, "label": "x"}', "column 'text': row 2: the text must be a string, got 7 (int)"),
        ('{"text": "b", "label": null}', "column 'label': row 2: the label is missing"),
        ('{"text": "b", "label": " "}', "column 'label': row 2: the label is missing"),
        ('{"text": "b", "label": 1.5}', "column 'label': row 2: the label must be a string, an integer or a boolean"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, expected):
    content = '{"text": "a", "label": "x"}\n' + row + '\n{"text": "c", "label": "y"}'
    assert f"train.jsonl: {expected}" in problem(local(tmp_path, train=content, suffix=".jsonl"))


def test_a_row_without_a_label_cell_is_named(tmp_path):
    assert "row 3: the label is missing" in problem(local(tmp_path, train=GOOD + "no label\n"))


def test_a_test_set_without_labels_is_refused(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    path = str(tmp_path / "unlabelled.parquet")
    Dataset.from_dict({"text": ["good"], "label": [-1]}, features=features).to_parquet(path)
    assert "row 1: the label is missing (coded -1)" in problem(Data(train=path, dev=path))


def test_one_label_is_not_enough(tmp_path):
    assert "at least two labels; every example here has 'pos'" in problem(
        local(tmp_path, train="text\tlabel\nfine\tpos\n")
    )


@pytest.mark.parametrize("extra", ["one\tpos\textra\n", "one\tpos\textra\ntwo\tneg\textra\n"])
def test_more_cells_than_columns_are_refused_and_not_shifted(tmp_path, extra):
    message = problem(local(tmp_path, train="text\tlabel\n" + extra))
    assert "train.tsv: row 1: line 2 has 3 cells, and the header has 2" in message


@pytest.mark.parametrize(
    ("suffix", "content"),
    [(".jsonl", b'{"text": "a"\n'), (".parquet", b"no parquet"), (".csv", b"text,label\n\xe9t\xe9,x\n")],
)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path, suffix, content):
    path = tmp_path / f"train{suffix}"
    path.write_bytes(content)
    assert f"train{suffix}: cannot be loaded: " in problem(Data(train=str(path), dev=str(path)))


def test_a_column_named_twice_is_refused(tmp_path):
    assert "the header names a column twice: 'text'" in problem(local(tmp_path, train="text\ttext\tlabel\na\tb\tc\n"))


# --- the Hub ---


@pytest.fixture
def repository(tmp_path) -> Path:
    """A data set repository as the Hub has it: a folder of files and a card with configurations."""
    folder = tmp_path / "films"
    folder.mkdir()
    splits = "\n".join(f"  - split: {name}\n    path: {name}.csv" for name in ("train", "validation"))
    write(folder / "README.md", f"---\nconfigs:\n- config_name: plain\n  data_files:\n{splits}\n---\n")
    for name in ("train", "validation"):
        write(folder / f"{name}.csv", "text,label\nfine film,1\ndull film,0\ngreat film,1\nbad film,0\n")
    return folder


def test_a_repository_is_read_by_split_names(repository):
    data = Data(source=str(repository), config="plain", dev="validation", test="validation[:50%]")
    splits = load_splits(data, seed=0)
    assert [len(split) for split in (splits.train, splits.dev, splits.test)] == [4, 4, 2]
    assert splits.labels == ["0", "1"]
    assert splits.dev.source == f"{repository}:plain:validation"


def test_an_unknown_split_is_named_with_its_nearest(repository):
    message = problem(Data(source=str(repository), dev="validaton"))
    assert "there is no split 'validaton'; did you mean 'validation'? (there are: train, validation)" in message


def test_an_unknown_configuration_is_named(repository):
    message = problem(Data(source=str(repository), config="plane"))
    assert "'plane' not found" in message
    assert "'plain'" in message


def test_a_folder_that_is_not_there_is_no_hub_id():
    assert problem(Data(source="./films")) == "./films: there is no such folder"


def test_offline_says_why_a_hub_data_set_cannot_be_had():
    message = problem(Data(source="someone/films", config="plain"))
    assert message.startswith("someone/films:plain: cannot be loaded: Couldn't reach 'someone/films' on the Hub")
    assert "HF_HUB_OFFLINE is set" in message


def test_reading_a_task_needs_neither_torch_nor_datasets_before_it_reads():
    code = (
        "import sys, ptune.data.sources, ptune.data.batches, ptune.data.templates, ptune.data.builtin\n"
        "print({'torch', 'ray', 'datasets', 'transformers', 'pandas'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_splits_may_name_their_columns_differently(tmp_path):
    (tmp_path / "train.tsv").write_text("sentence1\tsentence2\tgold\na\tb\tyes\nc\td\tno\n")
    (tmp_path / "dev.tsv").write_text("premise\thypothesis\tgold\ne\tf\tno\n")
    data = Data(
        train=str(tmp_path / "train.tsv"),
        dev=str(tmp_path / "dev.tsv"),
        text=["sentence1", "sentence2"],
        label="gold",
        rename={"premise": "sentence1", "hypothesis": "sentence2"},
    )
    splits = load_splits(data, seed=0)
    assert splits.train.texts == [("a", "b"), ("c", "d")]
    assert splits.dev.texts == [("e", "f")]
