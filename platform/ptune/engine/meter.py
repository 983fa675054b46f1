"""What an engine takes of its machine, read now and then.

The names are those of MLflow's own system metrics where they mean the same. Nothing runs in the background: whoever
uses the engine asks for a reading after an epoch, and most of the time there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import psutil
import torch

_EVERY_S = 10.0
_SHARE = 0.01  # of the time so far, between readings: a day has about 600 of them, not 8,640
_MEGABYTE = 1e6  # MLflow's


class Meter:
    """Reads what this process takes of its machine.

    Args:
        devices: all that hold some of the engine's backbone.
        clock: seconds that never go back.
    """

    def __init__(self, devices: Sequence[torch.device], clock: Callable[[], float] = time.monotonic) -> None:
        self._gpus = [device for device in devices if device.type == "cuda"]
        self._clock = clock
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first reading counts from here
        self._began = self._due = clock()

    def read(self) -> Mapping[str, float] | None:
        """A reading, with four digits; None while the last one is less than 10 s or 1% of the time so far old.

        Processor use is that of this process since the last reading, in percent of one core. Its memory is what is
        resident now. The share of memory is that of the whole machine. Each GPU of the engine has numbers of its own,
        `gpu_0_…` the first one, and they are those of the whole GPU.
        """
        now = self._clock()
        if now < self._due:
            return None
        self._due = now + max(_EVERY_S, _SHARE * (now - self._began))
        usage = {
            "cpu_utilization_percentage": self._process.cpu_percent(),
            "memory_usage_megabytes": self._process.memory_info().rss / _MEGABYTE,
            "system_memory_usage_percentage": psutil.virtual_memory().percent,
        }
        for number, gpu in enumerate(self._gpus):
            usage |= {f"gpu_{number}_{name}": value for name, value in _taken(gpu).items()}
        return {name: float(f"{value:.4g}") for name, value in usage.items()}


def _taken(gpu: torch.device) -> Mapping[str, float]:
    """What is taken of a GPU, by all processes."""
    free, total = torch.cuda.mem_get_info(gpu)
    return {
        "memory_usage_megabytes": (total - free) / _MEGABYTE,
        "memory_usage_percentage": 100 * (total - free) / total,
        **_utilization(gpu),
    }


def _utilization(gpu: torch.device) -> Mapping[str, float]:
    """How busy a GPU is, if NVIDIA's library is there and says so; of a part of a GPU (MIG) it does not."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return {}
    with suppress(NVMLError, RuntimeError, ImportError):
        return {"utilization_percentage": torch.cuda.utilization(gpu)}
    return {}
