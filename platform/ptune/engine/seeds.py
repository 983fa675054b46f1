"""Every trial's own streams of random numbers, from the search's seed and the trial's number alone."""

from __future__ import annotations

from typing import Literal

import numpy as np

_STREAMS = {"init": 1, "dropout": 2}


def stream_seed(seed: int, trial: int, stream: Literal["init", "dropout"]) -> int:
    """The seed of one stream of one trial, whoever its neighbours are and whenever it runs."""
    return int(np.random.SeedSequence([seed, trial, _STREAMS[stream]]).generate_state(1, np.uint64)[0] >> 1)
