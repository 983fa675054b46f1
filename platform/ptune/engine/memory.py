"""What a process frees stays with it, for the next pass. Knows no engine."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_... of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # glibc refuses more
_MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep what this process frees; whether it does.

    At its defaults it gives large blocks back to the system after every pass, which then has to find, and clear, the
    same pages for the next one: a tenth of a pass in bfloat16. Elsewhere than on glibc, nothing happens.
    """
    allocator = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if allocator is None:
        return False
    return bool(allocator(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD) and allocator(_TRIM_THRESHOLD, _MOST))
