"""A learner: everything one trial trains, a prompt (or none) and a head, and nothing of the backbone."""

from __future__ import annotations

from torch import Tensor, nn

from ptune.prompts.heads import ClassificationHead
from ptune.prompts.v1 import InputPrompt
from ptune.prompts.v2 import PrefixPrompt

Prompt = InputPrompt | PrefixPrompt


class Learner(nn.Module):
    """What trains: `parameters()` of this module, all of them, and no others."""

    def __init__(self, prompt: Prompt | None, head: ClassificationHead) -> None:
        super().__init__()
        self.prompt = prompt
        self.head = head

    @property
    def prompt_parameters(self) -> list[nn.Parameter]:
        """The prompt's share of what trains."""
        return list(self.prompt.parameters()) if self.prompt is not None else []

    def collapsed(self) -> dict[str, Tensor]:
        """What is left of the learner after training: `prompt` [T, W] if there is one, and the head's tensors."""
        tensors = {f"head.{name}": tensor for name, tensor in self.head.state_dict().items()}
        if self.prompt is not None:
            tensors["prompt"] = self.prompt.encoder()
        return {name: tensor.detach().float().cpu().clone().contiguous() for name, tensor in tensors.items()}
