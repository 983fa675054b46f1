"""ptune's answers beside those of a program that uses transformers and PEFT, in the same run, as ratios.

    python tests/benchmarks/predicting.py [--texts 1000] [--repeats 5] [--starts 3] [--out results.json]

The prompt is a random v2 prompt in all layers of the packaged MiniLM, in float32. PEFT's loop is as its examples have
it: batches of 32 in the order of the texts, padded to the longest. Answers must be equal to 1e-5. `answers` are the
seconds for all texts, with the models loaded; `first answer` is a whole program that answers one text.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from adapters import PeftPrompts, furthest, make_prompts, notes, shares_of
from results import say, write

from ptune.api.prompt import load
from ptune.backbone.locate import locate

BACKBONE = "packaged:minilm"
EQUAL = 1e-5
TARGET = 2.0
"""How many times as fast ptune must answer many texts."""
FIRST = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from adapters import PeftPrompts
print(PeftPrompts(Path(sys.argv[2]), Path(sys.argv[3]), ["p0"]).probabilities("p0", [sys.argv[4]]))
"""
TEXT = "You asked, so I will paint the fence."


def many(folder: Path, count: int, repeats: int) -> dict[str, Any]:
    """Seconds for many texts, by turns."""
    texts, prompt = notes(count), load(folder / "ptune" / "p0", device="cpu")
    adapters = PeftPrompts(folder / "peft", locate(BACKBONE), ["p0"])
    ways = {
        "ptune": lambda: list(shares_of(prompt.predict(texts))),
        "peft": lambda: adapters.probabilities("p0", texts),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    answers = {}
    for _ in range(1 + repeats):  # the first of each warms up
        for way, act in ways.items():
            began = time.perf_counter()
            answers[way] = act()
            seconds[way].append(time.perf_counter() - began)
    apart = furthest(answers["ptune"], answers["peft"])
    pairs = list(zip(seconds["peft"][1:], seconds["ptune"][1:], strict=True))
    return {
        "texts": count,
        "seconds": {way: round(median(times[1:]), 4) for way, times in seconds.items()},
        "ratio": round(median(theirs / ours for theirs, ours in pairs), 3),
        "furthest": apart,
    }


def first(folder: Path, starts: int) -> dict[str, Any]:
    """Wall seconds of whole programs, by turns."""
    peft = [sys.executable, "-c", FIRST, str(Path(__file__).parent), str(folder / "peft"), str(locate(BACKBONE)), TEXT]
    ours = [sys.executable, "-m", "ptune", "predict", str(folder / "ptune" / "p0"), "--text", TEXT, "--device", "cpu"]
    # What `ptune.load` costs in a program of one's own, which imports all that transformers does.
    loaded = [sys.executable, "-c", "import sys, ptune; print(ptune.load(sys.argv[1]).predict(sys.argv[2]))"]
    programs = {"ptune": ours, "ptune.load": [*loaded, str(folder / "ptune" / "p0"), TEXT], "peft": peft}
    seconds: dict[str, list[float]] = {way: [] for way in programs}
    for _ in range(1 + starts):
        for way, program in programs.items():
            began = time.perf_counter()
            subprocess.run(program, check=True, capture_output=True)
            seconds[way].append(time.perf_counter() - began)
    found = {way: round(median(times[1:]), 2) for way, times in seconds.items()}
    return {"seconds": found, "ratio": round(found["peft"] / found["ptune"], 3)}


def main() -> None:
    """Measure and print; fail if answers differ, or if many texts take longer than they may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--starts", type=int, default=3, help="programs that are started for a first answer; 0 starts none"
    )
    parser.add_argument("--out", type=Path, help="default: build/bench/predicting.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        make_prompts(Path(scratch), BACKBONE, 1)
        answers = many(Path(scratch), options.texts, options.repeats)
        say(f"{options.texts} texts: {answers['seconds']} s; PEFT's loop takes {answers['ratio']}x as long")
        say(f"target: {TARGET}x; {'met' if answers['ratio'] >= TARGET else 'missed'}")
        say(f"probabilities differ by at most {answers['furthest']:.1e}")
        starts = first(Path(scratch), options.starts) if options.starts else {}
        if starts:
            say(f"first answer: {starts['seconds']} s; PEFT takes {starts['ratio']}x as long")
    say(str(write("predicting", {"answers": answers, "first answer": starts}, options.out)))
    if answers["furthest"] > EQUAL:
        sys.exit(f"answers must be equal to {EQUAL}")


if __name__ == "__main__":
    main()
