"""Where examples come from and which of them are used: what every kind of data has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from ptune.spec.strict import RECORDED, Strict
from ptune.spec.text_form import known_encoding, one_sign

_SLICE = re.compile(r"\[[^\]]*\]$")


def file_of(split: str) -> str:
    """The file of a split that may name a part of it: `facts.jsonl[:80%]` is a part of `facts.jsonl`."""
    return _SLICE.sub("", split)


class Source(Strict):
    """The source of any kind of examples."""

    tagged: ClassVar[bool] = False
    """Whether local text files hold a tagged word on each line."""
    masked: ClassVar[bool] = False
    """Whether the language head names words where the template has [MASK]."""
    whole_texts: ClassVar[str] = ""
    """Why a template cannot divide a text; empty if it can."""
    word_labels: ClassVar[bool] = False
    """Whether the labels are words to rank. They then come from every split, not from the training split alone."""
    kind_labels: ClassVar[tuple[str, ...] | None] = None
    """The labels that every data set of this kind has, in the order of the head's outputs; None where the data says."""
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    """What reports call this data set where a task has several."""
    source: str | None = None
    """`builtin:NAME`, a Hub data set id, or a folder with the same layout. Leave it out for local files."""
    config: str | None = None
    """Configuration of a Hub data set, such as `sst2` of `nyu-mll/glue`."""
    train: str = "train"
    """Training split: a split's name, or a file relative to the job file (csv, tsv, jsonl, json, parquet, conll);
    `[:80%]` after either takes a part of it."""
    dev: str = "dev"
    """Split by which the search selects; every epoch reports its metrics."""
    test: str | None = None
    """Held-out split. Only the exported prompt and `ptune confirm` are scored on it."""
    explode: str | None = None
    """Nested list whose items become rows of their own, such as `passage.questions.answers`. The items' columns and
    those around them are named by their paths."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Columns that have another name in a file: `{ premise = "sentence1" }` reads its `premise` as `sentence1`."""
    replace: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Values to replace, by column: `{ question = { cause = "because", effect = "so" } }`."""
    template: str | None = None
    """Layout of the input, as words and fields: `{premise}? [MASK], {hypothesis}`. None lays out the fields one after
    another. Prompt runs come from the method."""
    max_length: int = Field(128, ge=8)
    """Longest input in tokens, prompt tokens of v1 included. Longer texts are shortened."""
    limit_train: int | None = Field(None, ge=1)
    """Use only this many training examples, drawn with the job's seed; fewer are a part of more."""
    limit_dev: int | None = Field(None, ge=1)
    """Use only this many dev examples, drawn with the job's seed."""
    limit_test: int | None = Field(None, ge=1)
    """Use only this many test examples, drawn with the job's seed."""
    limit_by: Literal["stratified", "first"] = "stratified"
    """How limited examples are chosen: `stratified` draws from each label its share; `first` takes the first ones of
    dev and test, and any for training."""
    encoding: Annotated[str, AfterValidator(known_encoding)] | None = None
    """Encoding of local text files, such as `latin-1` or `cp949`; None is UTF-8, or what a byte order mark says."""
    delimiter: Annotated[str, AfterValidator(one_sign)] | None = None
    """What stands between the cells of local csv and tsv files; None is found out from the header, and said."""
    on_bad_row: Literal["refuse", "skip"] = "refuse"
    """What happens to rows without a text or a label, or that cannot be read: `skip` leaves them out, and says so."""
    shots: int | None = Field(None, ge=1)
    """Few-shot: draw this many examples for training, and as many for dev, from the training and dev splits together.
    A trial's `split` says which draw it uses. The test split is not changed."""
    splits: int = Field(1, ge=1)
    """Number of few-shot draws."""
    folds: int | None = Field(None, ge=2, le=100)
    """Cross-validation: cut the training split into this many folds, and train each configuration once for each, with
    that fold as its dev split. No dev split is read. A trial's `split` says which fold it leaves out."""

    @model_validator(mode="before")
    @classmethod
    def _as_recorded(cls, written: Any, info: ValidationInfo) -> Any:
        """Journals that limit and do not state `limit_by` are of versions that took the first examples."""
        limits = ("limit_train", "limit_dev", "limit_test")
        if info.context != RECORDED or not isinstance(written, dict) or not any(written.get(key) for key in limits):
            return written
        return {"limit_by": "first", **written}

    @property
    def fields(self) -> list[str]:
        """Names of the texts that a template lays out, in order."""
        raise NotImplementedError

    @property
    def columns(self) -> list[str]:
        """The columns that hold one input's texts, each once."""
        return self.fields

    @property
    def split_names(self) -> dict[str, str]:
        """The splits that are read, by key: files, or names of the splits of a source."""
        splits = {"train": self.train, "dev": None if self.folds else self.dev, "test": self.test}
        return {key: name for key, name in splits.items() if name is not None}

    @property
    def files(self) -> dict[str, str]:
        """The named files by key. For a data set that is not local they are names of its splits."""
        return self.split_names

    @property
    def draws(self) -> int:
        """In how many ways the data is cut into training and dev examples; a trial's `split` is less."""
        return self.folds or self.splits

    @property
    def longest_target(self) -> int:
        """The longest text, in tokens, that is written after an input; 0 if none is."""
        return 0

    @model_validator(mode="after")
    def _files_without_a_source(self) -> Self:
        others = {"shots": self.shots, "limit_dev": self.limit_dev, "dev": None if self.dev == "dev" else self.dev}
        beside = [f"{key} = {value!r}" for key, value in others.items() if value is not None]
        if self.folds is not None and beside:
            raise ValueError(f"folds cut dev from train: leave out dev, limit_dev and shots, got {beside[0]}")
        if self.splits > 1 and self.shots is None:
            raise ValueError(f"splits are few-shot draws and need shots, got splits={self.splits} without shots")
        if self.source is not None:
            stated = {"encoding": self.encoding, "delimiter": self.delimiter}
            if local := [f"{key} = {value!r}" for key, value in stated.items() if value is not None]:
                raise ValueError(f"encoding and delimiter are of local files, and there is a source, got {local[0]}")
            return self
        names = [f"{key} = {name!r}" for key, name in self.split_names.items() if not Path(file_of(name)).suffix]
        if names:
            raise ValueError(f"without a source, every split must be a file with a suffix, got {', '.join(names)}")
        if self.config is not None:
            raise ValueError(f"config belongs to a Hub data set, and there is no source, got config={self.config!r}")
        return self
