"""A learner: everything one trial trains, a prompt (or none), a head, and the backbone only if it is tuned."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ptune.backbone.backbone import Backbone
from ptune.prompts.heads import Head
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt

TrainedPrompt = InputPrompt | PrefixPrompt


class Learner(nn.Module):
    """What trains: the `parameters()` of this module that ask for a gradient, and no others.

    A task over several data sets has a head for each set, or one prompt for each set (cloze relations); a single
    prompt or head serves all of them.

    Attributes:
        prompts: none, one, or one for each data set.
        heads: one, or one for each data set.
        backbone: the trial's own copy of the backbone, which trains too; None shares the frozen one.
        backbone_dropout: whether the backbone's own dropout is on while training.
    """

    def __init__(
        self,
        prompts: Sequence[TrainedPrompt],
        heads: Sequence[Head],
        backbone: Backbone | None = None,
        *,
        backbone_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.prompts = nn.ModuleList(prompts)
        self.heads = nn.ModuleList(heads)
        self.backbone = backbone
        self.backbone_dropout = backbone_dropout or backbone is not None
        self.body = backbone.module_dict() if backbone is not None else None

    @property
    def needs_own_pass(self) -> bool:
        """Whether its rows share no pass with other learners: the backbone is its own, or draws random numbers."""
        return self.backbone_dropout

    def prompt(self, dataset_index: int = 0) -> TrainedPrompt | None:
        """The prompt of a data set; None if the learner has none."""
        if not self.prompts:
            return None
        prompt = self.prompts[dataset_index if len(self.prompts) > 1 else 0]
        assert isinstance(prompt, InputPrompt | PrefixPrompt), "prompts are built so"
        return prompt

    def head(self, dataset_index: int = 0) -> Head:
        """The head of a data set."""
        head: Head = self.heads[dataset_index if len(self.heads) > 1 else 0]  # type: ignore[assignment]
        return head

    @property
    def prompt_parameters(self) -> list[nn.Parameter]:
        """The prompt's share of what trains."""
        return list(self.prompts.parameters())

    @property
    def head_parameters(self) -> list[nn.Parameter]:
        """The head's share of what trains."""
        return [parameter for parameter in self.heads.parameters() if parameter.requires_grad]

    @property
    def trained(self) -> int:
        """How many numbers train."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def body_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """The tuned backbone's share of what trains, by name."""
        return list(self.body.named_parameters()) if self.body is not None else []

    def prompt_tables(self) -> list[Tensor]:
        """What the encoder of each prompt produces, [T, W]: all that the backbone sees of it."""
        return [prompt.encoder() for prompt in self.prompts]  # type: ignore[operator]

    def collapsed(self) -> dict[str, Tensor]:
        """What is left of the learner after training.

        `prompt.N` [T, W] for each prompt, `head.N.*` for each head, `backbone.*` for a tuned backbone. All in float32
        on the CPU, copied, so that later steps do not change them.
        """
        tensors = {f"head.{name}": tensor for name, tensor in self.heads.state_dict().items()}
        tensors |= {f"prompt.{index}": table for index, table in enumerate(self.prompt_tables())}
        if self.body is not None:
            tensors |= {f"backbone.{name}": tensor for name, tensor in self.body.state_dict().items()}
        return {name: tensor.detach().float().cpu().clone().contiguous() for name, tensor in tensors.items()}
