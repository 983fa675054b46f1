"""What one trial takes of its engine's memory beside the frozen weights, counted from shapes.

It is no measurement, so it is the same wherever and beside whomever the trial trains: what the trial trains, with
gradients and moments, and what a pass with its own largest mini-batch alone keeps for the backward pass. A mini-batch
that is larger than a pass counts as a whole pass. See `ptune.backbone.footprint`.
"""

from __future__ import annotations

from typing import Literal

from ptune.backbone.backbone import Backbone
from ptune.backbone.footprint import FASTEST, Dimensions, Pass, pass_bytes, trained_bytes
from ptune.prompts.learner import Learner
from ptune.prompts.rows import Examples
from ptune.spec.prompt import as_prefix, changed_layers, chosen_layers
from ptune.spec.trial import TrialSpec

_MIB = 2**20


def own_memory_mb(
    spec: TrialSpec, learner: Learner, train: Examples, backbone: Backbone, tokens: int | Literal["auto"]
) -> float:
    """MB of a trial with a frozen backbone; of a tuned one, without what its products keep of their inputs.

    Args:
        spec: the trial.
        learner: what it trains.
        train: its training split.
        backbone: its backbone.
        tokens: of a pass at most; `auto` is what is fastest on the device, whatever its memory holds.
    """
    shape, device = backbone.shape, backbone.device.type
    most_tokens = FASTEST.get(device, FASTEST["cpu"]) if tokens == "auto" else tokens
    sizes = Dimensions.of(backbone.config, backbone.family, shape.layers, shape.parameters)
    width = int(train.lengths.max())
    rows = spec.recipe.batch_size * int(train.row_counts.max())
    prefix = as_prefix(spec.prompt)
    taken = Pass(
        rows=max(1, min(rows, most_tokens // width)),
        width=width,
        itemsize=backbone.dtype.itemsize,
        prefix=0 if prefix is None else prefix.length,
        prompted=0 if prefix is None else len(chosen_layers(prefix, shape.layers)),
        kept=changed_layers(spec.prompt, shape.layers),
        dropped=prefix is not None and prefix.dropout > 0,
    )
    return (trained_bytes(learner.trained) + pass_bytes(sizes, taken)) / _MIB
