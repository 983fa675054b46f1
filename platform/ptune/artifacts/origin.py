"""The backbone that a prompt was trained on, as the prompt's artifact describes it. Loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from ptune.spec.quantization import Quantization, precision_of
from ptune.spec.strict import Strict

if TYPE_CHECKING:
    from ptune.backbone.backbone import Backbone


class Origin(Strict):
    """The backbone a prompt was trained on; it works on no other."""

    id: str
    """`packaged:minilm`, a folder, or a Hub id."""
    revision: str | None
    """Hub branch, tag or commit, if one was asked for."""
    hash: str
    """SHA-256 over its safetensors files, see `ptune.backbone.hashes.weights_hash`."""
    dtype: Literal["float32", "bfloat16"]
    """Type of its weights while the prompt was trained."""
    quantization: Quantization | None = None
    """How the matrices of its layers were quantized then; None is not at all."""
    model_type: str
    """Its family, as transformers names it."""
    layers: int
    """Number of layers."""
    kv_heads: int
    """Key/value heads of a layer."""
    head_width: int
    """Width of one key or value."""
    pooled: bool
    """Whether its pretrained pooler stands between the last layer and the head."""
    window: int | None
    """Tokens that a layer with sliding-window attention sees; None where every layer sees all."""
    settings: dict[str, str] | None = None
    """Hashes of its settings and its tokenizer, see `ptune.backbone.hashes.settings_hashes`; None is unknown."""

    def differences(self, backbone: Backbone) -> list[str]:
        """What is described otherwise than a loaded backbone is, a phrase for each field."""
        loaded = self.of(backbone, self.revision)
        names = ["model_type", "layers", "kv_heads", "head_width", "window", "quantization"]
        names += ["pooled"] if self.pooled else []  # a search whose trials may use the language head reads no pooler
        pairs = [(name, getattr(self, name), getattr(loaded, name)) for name in names]
        return [f"its {name} is {there!r}, not {here!r}" for name, here, there in pairs if here != there]

    @property
    def precision(self) -> str:
        """Type of its weights while the prompt was trained, and how they were quantized, in words."""
        return precision_of(self.dtype, self.quantization)

    @property
    def has_code(self) -> bool:
        """Whether it runs Python code of its own."""
        return any(file.endswith(".py") for file in self.settings or ())

    @classmethod
    def of(cls, backbone: Backbone, revision: str | None) -> Self:
        """Describe a loaded backbone."""
        config: Any = backbone.model.config
        return cls(
            id=backbone.id,
            revision=revision,
            hash=backbone.hash,
            dtype="bfloat16" if str(backbone.dtype) == "torch.bfloat16" else "float32",
            quantization=backbone.quantization,
            model_type=config.model_type,
            layers=backbone.shape.layers,
            kv_heads=backbone.shape.kv_heads,
            head_width=backbone.shape.head_width,
            pooled=backbone.pooler is not None,
            window=getattr(config, "sliding_window", None),
            settings=dict(backbone.settings),
        )
