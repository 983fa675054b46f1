"""ptune's own format, which holds every prompt: a description in JSON and tensors in safetensors."""

from __future__ import annotations

from pathlib import Path

from ptune.artifacts import native
from ptune.artifacts.artifact import Manifest
from ptune.artifacts.formats.format import Export, Usage
from ptune.errors import ArtifactError
from ptune.spec.formats import FormatName


class Native:
    """The format `native`."""

    name: FormatName = "native"
    marker = native.MANIFEST
    by_place = False
    by_package = False

    def why_not(self, manifest: Manifest) -> str | None:  # noqa: ARG002 - it holds every prompt
        """Nothing stands against it."""
        return None

    def write(self, export: Export, folder: Path) -> Usage:
        """Write the description and the tensors."""
        native.fill(folder, export.artifact)
        return Usage("ptune", _code(export.manifest))

    def check(self, export: Export, folder: Path) -> str:
        """Read it back: the same tensors under the same description give the same scores."""
        back, tensors = native.read(folder), export.artifact.tensors
        same = back.manifest == export.manifest and back.tensors.keys() == tensors.keys()
        if not same or any(not tensor.equal(back.tensors[name]) for name, tensor in tensors.items()):
            raise ArtifactError(f"{folder} does not read back as it was written")
        return "read back, every number is the same"


def _code(manifest: Manifest) -> list[str]:
    data = manifest.task.sets[0]
    chosen = f".on({manifest.set_names[0]!r})" if len(manifest.sets) > 1 else ""
    given = [f"some {name}" for name in data.columns]
    texts = repr(given[0] if len(given) == 1 else tuple(given))
    return ["import ptune", "", f'prompt = ptune.load("."){chosen}', f"print(prompt.predict({texts}))"]
