"""Trained keys and values as a cartridge: PEFT's type CARTRIDGE, and beside it the file of HazyResearch's code.

PEFT reads a cartridge as it reads prefix tuning. HazyResearch's `TrainableCache.from_pretrained` reads `cartridge.pt`,
which torch has saved: for each layer keys and values [1, N, T, D], the first token frozen and apart from the others.

Shapes: T tokens · L layers · N key/value heads · D head width.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptune.artifacts.artifact import Manifest
from ptune.artifacts.formats.format import Export, Usage
from ptune.artifacts.formats.peft import Peft
from ptune.artifacts.probe import hold
from ptune.artifacts.route import Route
from ptune.backbone.families import family_of
from ptune.files import replacing
from ptune.spec.formats import FormatName

if TYPE_CHECKING:
    from torch import Tensor

    from ptune.prompts.rows import Row

CACHE = "cartridge.pt"


class Cartridge:
    """The format `cartridge`."""

    name: FormatName = "cartridge"
    marker = CACHE
    by_place = True
    by_package = False
    _adapter = Peft("CARTRIDGE")

    def why_not(self, manifest: Manifest) -> str | None:
        """Why a prompt is no cartridge, and what would make it one; None when it is."""
        if manifest.layers is None:
            return "a cartridge is keys and values of all layers; a prompt of the method v2 can be exported"
        if family_of(manifest.backbone.model_type, manifest.backbone.id).reads != "last":
            return f"a cartridge belongs to a causal model, and {manifest.backbone.model_type} is none"
        return self._adapter.why_not(manifest)

    def write(self, export: Export, folder: Path) -> Usage:
        """Write PEFT's files, and HazyResearch's."""
        import torch
        from torch import nn

        usage = self._adapter.write(export, folder)
        keys, values = _by_layer(export)
        frozen = min(1, keys[0].shape[2] - 1)  # the loader wants a frozen part, which may be empty
        parts = {"keys": keys, "values": values}
        content = {
            f"{kind}_{name}": nn.ParameterList([nn.Parameter(tensor[:, :, cut].contiguous()) for tensor in tensors])
            for name, tensors in parts.items()
            for kind, cut in (("frozen", slice(frozen)), ("trainable", slice(frozen, None)))
        }
        with replacing(folder / CACHE) as draft:
            torch.save(content, draft)
        note = f"`{CACHE}` is the same prompt for HazyResearch's `TrainableCache.from_pretrained`."
        return Usage(usage.library, usage.code, [*usage.notes, note])

    def check(self, export: Export, folder: Path) -> str:
        """Hold both files to ptune's scores: PEFT's by its loader, the other as a cache of transformers."""
        import torch
        from transformers import DynamicCache

        said = self._adapter.check(export, folder)
        route = Route.of(export.manifest)
        if route.labels:  # the scores are those of the trained head, which lies in PEFT's file
            return said
        model = export.as_trained(route.load(export.reference.loadable(folder)))
        layers = read_cache(folder / CACHE)

        def scores(row: Row) -> Tensor:
            ids = torch.tensor([list(row.ids)])
            cache = DynamicCache([(key.clone(), value.clone()) for key, value in layers])
            seen = torch.ones(1, layers[0][0].shape[2] + ids.shape[1], dtype=torch.long)
            with torch.inference_mode():
                return route.scores(model(input_ids=ids, attention_mask=seen, past_key_values=cache), row)

        return f"{said}; {hold(export.probes, f'transformers with {CACHE}', scores)}"


def read_cache(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Keys and values [1, N, T, D] of each layer, put together as HazyResearch's loader does."""
    import torch
    from torch import nn

    with torch.serialization.safe_globals([nn.ParameterList]):
        content: Any = torch.load(path, weights_only=True, map_location="cpu")
    joined = [
        [torch.cat([frozen.detach(), trained.detach()], dim=2) for frozen, trained in zip(*pair, strict=True)]
        for pair in (
            (content["frozen_keys"], content["trainable_keys"]),
            (content["frozen_values"], content["trainable_values"]),
        )
    ]
    return list(zip(*joined, strict=True))


def _by_layer(export: Export) -> tuple[list[Tensor], list[Tensor]]:
    """Keys and values [1, N, T, D] of each layer."""
    origin, table_TW = export.manifest.backbone, export.artifact.tensors["prompt.0"]
    table = table_TW.view(len(table_TW), origin.layers, 2, origin.kv_heads, origin.head_width)
    table_L21NTD = table.permute(1, 2, 3, 0, 4)[:, :, None]
    return list(table_L21NTD[:, 0]), list(table_L21NTD[:, 1])
