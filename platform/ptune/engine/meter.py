"""What an engine takes of its machine, read now and then.

The names are those of MLflow's own system metrics where they mean the same. Nothing runs in the background: whoever
uses the engine asks for a reading after an epoch, and most of the time there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil
import torch

_EVERY_S = 10.0
_SHARE = 0.01  # of the time so far, between readings: a day has about 600 of them, not 8,640
_MEGABYTE = 1e6  # MLflow's


class Meter:
    """Reads what this process takes of its machine.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first reading counts from here
        self._began = self._due = clock()

    def read(self) -> Mapping[str, float] | None:
        """A reading, with four digits; None while the last one is less than 10 s or 1% of the time so far old.

        Processor use is that of this process since the last reading, in percent of one core. Its memory is what is
        resident now. The share of memory is that of the whole machine, and what is said of a GPU that of the whole GPU.
        """
        now = self._clock()
        if now < self._due:
            return None
        self._due = now + max(_EVERY_S, _SHARE * (now - self._began))
        usage = {
            "cpu_utilization_percentage": self._process.cpu_percent(),
            "memory_usage_megabytes": self._process.memory_info().rss / _MEGABYTE,
            "system_memory_usage_percentage": psutil.virtual_memory().percent,
            **_gpu(),
        }
        return {name: float(f"{value:.4g}") for name, value in usage.items()}


def _gpu() -> Mapping[str, float]:
    """Of the GPU that this process trains on, if it does."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch's
        return {}
    free, total = torch.cuda.mem_get_info()
    return {
        "gpu_0_memory_usage_megabytes": (total - free) / _MEGABYTE,
        "gpu_0_memory_usage_percentage": 100 * (total - free) / total,
        **_gpu_utilization(),
    }


def _gpu_utilization() -> Mapping[str, float]:
    """How busy the GPU is, if NVIDIA's library is there and says so; of a part of a GPU (MIG) it does not."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return {}
    with suppress(NVMLError, RuntimeError, ImportError):
        return {"gpu_0_utilization_percentage": torch.cuda.utilization()}
    return {}
