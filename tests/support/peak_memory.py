"""How many bytes of tensors an act has at once, as torch's own allocators count them."""

import gc
from collections.abc import Callable, Iterable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(act: Callable[[], object], device: torch.device) -> int:
    """The most bytes that an act holds above what was there before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        act()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        act()
    # The public events have no times of single allocations; a change of Kineto's does.
    changes = [one for one in profiler.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = peak = 0
    for change in sorted(changes, key=lambda one: one.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak


def held_bytes(tensors: Iterable[torch.Tensor]) -> int:
    """The bytes of some tensors."""
    return sum(tensor.nbytes for tensor in tensors)
