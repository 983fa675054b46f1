"""How a tool that is not ptune finds a prompt's backbone: by its Hub id, by its place, or beside the prompt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ptune.backbone.hashes import read_object
from ptune.backbone.locate import locate
from ptune.files import replacing, write_json
from ptune.spec.packaged import PACKAGES

FOLDER = "backbone"
"""The folder of an embedded backbone, inside the export's."""

_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "tokenizer*", "LICENSE*", "README.md")


@dataclass(frozen=True)
class BackboneReference:
    """A backbone for `from_pretrained`.

    Attributes:
        name: a Hub id or an absolute path.
        revision: Hub branch, tag or commit.
        files: where its files are now.
        hub: whether `name` is a Hub id.
        embedded: whether `name` is the copy inside the export's folder.
        package: whether its files are those of a Python package.
    """

    name: str
    revision: str | None
    files: Path
    hub: bool
    embedded: bool
    package: bool = False

    @classmethod
    def of(cls, backbone_id: str, revision: str | None, target: Path | None) -> Self:
        """The reference to a backbone; `target` is the export's folder if the backbone is copied into it.

        Raises:
            BackboneError: it cannot be found.
        """
        files = locate(backbone_id, revision)
        if target is not None:
            return cls(str(target.absolute() / FOLDER), None, files, hub=False, embedded=True)
        package = backbone_id in PACKAGES
        if package or Path(backbone_id).expanduser().is_dir():
            return cls(str(files.absolute()), None, files, hub=False, embedded=False, package=package)
        return cls(backbone_id, revision, files, hub=True, embedded=False)

    @property
    def in_folder(self) -> str:
        """The name for code that runs inside the export's folder."""
        return FOLDER if self.embedded else self.name

    def loadable(self, draft: Path) -> str:
        """The name while the export is still a draft in another folder."""
        return str(draft / FOLDER) if self.embedded else str(self.files)

    def note(self) -> str:
        """What a user has to know of an export that names the backbone by its place."""
        return (
            f"The backbone has no Hub id: it is named by its place on the machine of the export, `{self.name}`. "
            "An export with `--embed-backbone` holds a copy of it."
        )

    def embed(self, draft: Path, settings: Mapping[str, object]) -> None:
        """Copy the backbone into a draft, if it is to be embedded; `settings` become entries of its config."""
        if not self.embedded:
            return
        folder = draft / FOLDER
        folder.mkdir()
        for path in sorted({path for pattern in _FILES for path in self.files.glob(pattern) if path.is_file()}):
            with replacing(folder / path.name) as copy:
                shutil.copyfile(path, copy)
        if settings:
            write_json(folder / "config.json", {**read_object(self.files / "config.json"), **settings})


def licence_of(files: Path) -> str | None:
    """The licence that a backbone's own model card names; None where there is no card, or it names none."""
    from huggingface_hub import ModelCard

    path = files / "README.md"
    if not path.is_file():
        return None
    try:
        licence = ModelCard.load(path, ignore_metadata_errors=True).data.get("license")
    except ValueError:  # what stands at its head is no metadata
        return None
    return licence if isinstance(licence, str) else json.dumps(licence) if licence else None
