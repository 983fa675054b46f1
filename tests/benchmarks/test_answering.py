"""The benchmarks of answering: both sides answer alike, whatever each costs."""

from adapters import make_prompts, notes
from predicting import EQUAL

from serving import drawn, measure, ways_of


def test_ptune_and_peft_answer_the_same_requests_alike(tiny_backbone, tmp_path):
    backbone = str(tiny_backbone("bert"))
    names = make_prompts(tmp_path, backbone, 3)
    rounds = drawn(names, waiting=6, rounds=2)
    assert {name for requests in rounds for name, _ in requests} == set(names)
    found = measure(ways_of(tmp_path, backbone, names), rounds)
    assert found["furthest"] < EQUAL
    assert found["requests_per_second"].keys() == {"ptune", "each", "sorted"}
    assert all(ratio > 0 for ratio in found["ratios"].values())


def test_texts_repeat_where_there_are_too_few():
    assert notes(1000)[:252] == notes(1000)[748:]
