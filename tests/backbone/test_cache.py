"""Hidden states on disk: computed once, shared by who comes later, never beyond the budget."""

import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from ptune.backbone.cache import Inputs, StateCache, gather

WIDTH = 4
LENGTHS = np.array([3, 1, 2])
INPUTS = Inputs("these", LENGTHS)


class Computer:
    """Computes states that say which row and position they are of, and counts."""

    def __init__(self):
        self.calls = 0

    def __call__(self, numbers):
        self.calls += 1
        longest = LENGTHS[numbers].max()
        states = torch.full((len(numbers), longest, WIDTH), torch.nan)
        for place, number in enumerate(numbers):
            for position in range(LENGTHS[number]):
                states[place, position] = 10 * number + position
        return states


def ask(cache, computer, inputs=INPUTS, layer="2", dtype=torch.float32):
    batches = [np.array([1, 2]), np.array([0])]
    return cache.states(
        key(layer, dtype), inputs, WIDTH, dtype, lambda: ((numbers, computer(numbers)) for numbers in batches)
    )


def key(layer="2", dtype=torch.float32):
    return ["backbone", str(dtype), layer]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_come_back_by_row_padded_with_zeros(tmp_path, dtype):
    states, offsets = ask(StateCache(tmp_path, 10**6), Computer(), dtype=dtype)
    found = gather(states, offsets, np.array([2, 0]), 4)
    assert found.dtype == dtype
    assert found[..., 0].tolist() == [[20.0, 21.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.0]]


def test_nothing_is_computed_twice_on_a_node(tmp_path):
    first, later = Computer(), Computer()
    ask(cache := StateCache(tmp_path, 10**6), first)
    ask(cache, first)
    assert first.calls == 2, "one pass over two batches"
    states, _ = ask(StateCache(tmp_path, 10**6), later)
    assert later.calls == 0
    assert torch.equal(states, ask(cache, later)[0])


@pytest.mark.parametrize("changes", [{"layer": "3"}, {"inputs": Inputs("those", LENGTHS)}, {"dtype": torch.bfloat16}])
def test_other_layers_inputs_and_types_have_states_of_their_own(tmp_path, changes):
    cache, computer = StateCache(tmp_path, 10**6), Computer()
    ask(cache, computer)
    ask(cache, computer, **changes)
    assert computer.calls == 4
    assert len(list(tmp_path.glob("*.states"))) == 2


def size_of_one():
    return int(LENGTHS.sum()) * WIDTH * 4


def test_what_is_larger_than_the_budget_is_not_computed_for_keeping(tmp_path):
    computer = Computer()
    assert ask(StateCache(tmp_path, size_of_one() - 1), computer) is None
    assert computer.calls == 0


def test_the_longest_unasked_give_way(tmp_path):
    for layer, age in (("1", 200), ("2", 300)):
        ask(StateCache(tmp_path, 2 * size_of_one()), Computer(), layer=layer)
        newest = max(tmp_path.glob("*.states"), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (newest.stat().st_mtime - age,) * 2)
    ask(StateCache(tmp_path, 2 * size_of_one()), Computer(), layer="3")
    assert len(list(tmp_path.glob("*.states"))) == 2
    ask(StateCache(tmp_path, 2 * size_of_one()), later := Computer(), layer="1")
    assert later.calls == 0, "layer 2 gave way, layer 1 is there"


def test_what_is_in_use_does_not_give_way(tmp_path, caplog):
    caplog.set_level("INFO")
    using, other = StateCache(tmp_path, size_of_one()), StateCache(tmp_path, size_of_one())
    ask(using, Computer(), layer="1")
    assert ask(other, computer := Computer(), layer="2") is None
    assert computer.calls == 0
    assert "not kept" in caplog.text
    assert other.lookup(key("1"), INPUTS, WIDTH, torch.float32) is not None
    del using
    assert ask(StateCache(tmp_path, size_of_one()), Computer(), layer="2") is not None
    assert other.lookup(key("3"), INPUTS, WIDTH, torch.float32) is None


def test_what_is_there_is_found_without_computing(tmp_path):
    assert StateCache(tmp_path / "new", 10**6).lookup(key(), INPUTS, WIDTH, torch.float32) is None
    cache = StateCache(tmp_path, 10**6)
    states, _ = ask(cache, Computer())
    for one in (cache, StateCache(tmp_path, 10**6)):
        assert torch.equal(one.lookup(key(), INPUTS, WIDTH, torch.float32)[0], states)
        assert one.lookup(key("3"), INPUTS, WIDTH, torch.float32) is None
    file = next(tmp_path.glob("*.states"))
    file.write_bytes(file.read_bytes()[:-4])
    assert StateCache(tmp_path, 10**6).lookup(key(), INPUTS, WIDTH, torch.float32) is None


@pytest.mark.parametrize("damage", [lambda content: content[:-4], lambda content: content[:-4] + b"\x7f\x00\x00\x01"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    ask(StateCache(tmp_path, 10**6), Computer())
    file = next(tmp_path.glob("*.states"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o400, "what is mapped is not written by mistake"
    file.chmod(0o600)
    file.write_bytes(damage(file.read_bytes()))
    assert StateCache(tmp_path, 10**6).lookup(key(), INPUTS, WIDTH, torch.float32) is None
    states, offsets = ask(StateCache(tmp_path, 10**6), again := Computer())
    assert again.calls == 2
    assert gather(states, offsets, np.array([1]), 1)[0, 0, 0] == 10.0


def test_a_cache_that_fails_keeps_nothing_and_says_so(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert ask(StateCache(tmp_path / "file" / "states", 10**6), Computer()) is None
    assert "cannot keep them" in caplog.text


_OTHER = """
import sys
from pathlib import Path
import numpy as np
import torch
from ptune.backbone.cache import Inputs, StateCache

def compute(numbers):
    print("computing", flush=True)
    sys.stdin.readline()
    return torch.full((len(numbers), 3, 4), 7.0)

def fill():
    rows = np.array([0, 1, 2])
    yield rows, compute(rows)

inputs = Inputs("these", np.array([3, 1, 2]))
StateCache(Path(sys.argv[1]), 10**6).states(["backbone", "torch.float32", "2"], inputs, 4, torch.float32, fill)
"""
"""Another process that keeps `INPUTS`; it goes on when a line comes in."""


def test_who_comes_while_another_process_computes_waits_for_its_states(tmp_path):
    command = [sys.executable, "-c", _OTHER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "computing\n"
        found, computer = [], Computer()
        waiting = threading.Thread(target=lambda: found.append(ask(StateCache(tmp_path, 10**6), computer)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        other.communicate("go on\n")
    waiting.join()
    states, _ = found[0]
    assert computer.calls == 0
    assert torch.equal(states, torch.full((6, WIDTH), 7.0))
