"""Requests a second of one process with many prompts, beside as many PEFT adapters switched by `set_adapter`.

    python tests/benchmarks/serving.py [--prompts 20] [--waiting 64] [--rounds 5] [--out results.json]

Each round holds requests that wait at once, each for one text and for a prompt drawn at random. ptune answers the round
as `ptune serve` does, in shared passes. PEFT answers it in two ways: `each` request by itself, as it comes, and
`sorted`, the requests to one adapter in a batch. All three answer the same requests by turns, in float32 on the
packaged MiniLM, without HTTP, which would cost each of them the same. Answers must be equal to 1e-5.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from adapters import PeftPrompts, furthest, make_prompts, notes, shares_of
from results import say, write

from ptune.backbone.locate import locate
from ptune.serving.catalogue import Catalogue

BACKBONE = "packaged:minilm"
EQUAL = 1e-5
Round = list[tuple[str, str]]
"""The name of the prompt and the text of each request."""
Shares = list[list[float]]


def drawn(names: Sequence[str], waiting: int, rounds: int) -> list[Round]:
    """Rounds of requests to prompts that are drawn at random."""
    rng = np.random.default_rng(0)
    texts = iter(notes(waiting * rounds))
    return [[(str(rng.choice(names)), next(texts)) for _ in range(waiting)] for _ in range(rounds)]


def ways_of(folder: Path, backbone: str, names: Sequence[str]) -> dict[str, Callable[[Round], Shares]]:
    """The three ways to answer a round."""
    catalogue = Catalogue.load({name: folder / "ptune" / name for name in names}, device="cpu", dtype="float32")
    adapters = PeftPrompts(folder / "peft", locate(backbone), names)

    def ours(requests: Round) -> Shares:
        questions = [catalogue.question([text], name) for name, text in requests]
        answers = [answer for answer in catalogue.answer(questions) if isinstance(answer, list)]
        return [share for answer in answers for share in shares_of(answer)]

    def each(requests: Round) -> Shares:
        return [adapters.probabilities(name, [text])[0] for name, text in requests]

    def by_adapter(requests: Round) -> Shares:
        shares: Shares = [[] for _ in requests]
        for name in dict.fromkeys(name for name, _ in requests):
            places = [place for place, (asked, _) in enumerate(requests) if asked == name]
            found = adapters.probabilities(name, [requests[place][1] for place in places])
            for place, share in zip(places, found, strict=True):
                shares[place] = share
        return shares

    return {"ptune": ours, "each": each, "sorted": by_adapter}


def measure(ways: dict[str, Callable[[Round], Shares]], rounds: Sequence[Round]) -> dict[str, Any]:
    """Requests a second of each way, how many times as many ptune answers, and how far answers are apart."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    apart = 0.0
    for requests in [rounds[0], *rounds]:  # the first warms up
        answers = {}
        for way, act in ways.items():
            began = time.perf_counter()
            answers[way] = act(requests)
            seconds[way].append(time.perf_counter() - began)
        apart = max(apart, *(furthest(answers["ptune"], answers[way]) for way in ways))
    rates = {way: round(len(rounds[0]) / median(times[1:]), 1) for way, times in seconds.items()}
    ratios = {
        way: round(median(theirs / ours for theirs, ours in zip(times[1:], seconds["ptune"][1:], strict=True)), 3)
        for way, times in seconds.items()
        if way != "ptune"
    }
    return {"requests_per_second": rates, "ratios": ratios, "furthest": apart}


def main() -> None:
    """Measure and print; fail if answers differ, or if PEFT answers as many requests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--waiting", type=int, default=64, help="requests that wait at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="default: build/bench/serving.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        names = make_prompts(Path(scratch), BACKBONE, options.prompts)
        ways = ways_of(Path(scratch), BACKBONE, names)
        found = measure(ways, drawn(names, options.waiting, options.rounds))
    say(f"{options.prompts} prompts, {options.waiting} requests at once: {found['requests_per_second']} a second")
    for way, ratio in found["ratios"].items():
        say(f"ptune answers {ratio}x as many as PEFT ({way})")
    say(f"probabilities differ by at most {found['furthest']:.1e}")
    say(
        str(
            write(
                "serving", {"settings": {"prompts": options.prompts, "waiting": options.waiting}, **found}, options.out
            )
        )
    )
    if found["furthest"] > EQUAL:
        sys.exit(f"answers must be equal to {EQUAL}")
    if min(found["ratios"].values()) <= 1.0:
        sys.exit("PEFT answers as many requests as ptune")


if __name__ == "__main__":
    main()
