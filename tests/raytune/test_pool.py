from pathlib import Path

import pytest

from ptune.errors import BackboneError, ClusterError
from ptune.raytune.placement import Placement
from ptune.raytune.pool import EnginePool
from support.fake_engines import Launcher, LostError

PLACEMENT = Placement("cpu", 1.0, 0, 1, "a")


def make_pool(launcher, placements=2, slots=2):
    pool = EnginePool(launcher, LostError, [PLACEMENT] * placements, slots)
    pool.poll()
    return pool


def test_slots_go_to_the_emptiest_engine_until_all_are_taken():
    pool = make_pool(Launcher())
    assert [pool.take(lease) for lease in "abcd"] == ["e0", "e1", "e0", "e1"]
    assert not pool.has_free_slot
    assert pool.capacity == 4


def test_a_slot_given_back_is_free_and_its_engine_is_told():
    launcher = Launcher()
    pool = make_pool(launcher, placements=1, slots=1)
    pool.take("a")
    pool.release("a")
    pool.release("a")
    assert pool.has_free_slot
    assert launcher.engines[0].left == ["a"]


def test_an_engine_that_is_not_ready_has_no_free_slot():
    pool = make_pool(Launcher([False, True]), placements=1)
    assert not pool.has_free_slot
    pool.poll()
    assert pool.has_free_slot


def test_nobody_joins_a_lease_on_probation_until_it_is_trusted():
    pool = make_pool(Launcher(), placements=1)
    pool.take("a", on_probation=True)
    assert not pool.has_free_slot
    pool.trust("a")
    assert pool.has_free_slot


def test_a_lost_engine_is_replaced_and_ends_every_lease_on_it():
    launcher = Launcher()
    pool = make_pool(launcher, placements=1)
    pool.take("a")
    pool.take("b")
    assert pool.retire("b") == ({"a", "b"}, {"a", "b"})
    assert pool.retire("a") == (set(), set())
    assert [engine.alive for engine in launcher.engines] == [False, True]
    pool.poll()
    assert pool.take("c") == "e1"


def test_the_lease_on_probation_is_blamed_for_the_loss():
    pool = make_pool(Launcher(), placements=1)
    pool.take("a")
    pool.take("b", on_probation=True)
    assert pool.retire("a") == ({"a", "b"}, {"b"})


def test_an_engine_that_dies_while_loading_is_started_again():
    launcher = Launcher([LostError()], [LostError()])
    pool = make_pool(launcher, placements=1)
    pool.poll()
    assert not pool.has_free_slot
    pool.poll()
    assert pool.take("a") == "e2"


def test_a_placement_where_engines_always_die_is_given_up_and_the_others_go_on():
    launcher = Launcher([LostError("node down")], (), [LostError("node down")], [LostError("node down")])
    pool = make_pool(launcher)
    pool.poll()
    pool.poll()
    assert pool.capacity == 2
    assert pool.take("a") == "e1"


def test_without_any_engine_left_the_search_cannot_go_on():
    pool = EnginePool(Launcher(*[[LostError("out of memory")]] * 3), LostError, [PLACEMENT], 2)
    with pytest.raises(ClusterError, match=r"every engine died while loading.*3 times: out of memory"):
        pool.wait(5.0)


def test_an_engine_that_cannot_be_loaded_anywhere_says_why():
    with pytest.raises(BackboneError, match="no such folder"):
        make_pool(Launcher([BackboneError("no such folder")]))


def test_waiting_ends_with_what_is_missing():
    pool = EnginePool(Launcher([False] * 100), LostError, [PLACEMENT], 2)
    with pytest.raises(ClusterError, match="each needs 1 CPUs and 0 GPUs"):
        pool.wait(0.0)


def test_the_conclusion_moves_to_another_engine_when_one_dies():
    launcher = Launcher()
    pool = make_pool(launcher, placements=1)
    launcher.engines[0].concluded = LostError()
    assert pool.conclude(None, 1.0).artifact == Path("e1")


def test_closing_ends_every_engine():
    launcher = Launcher()
    pool = make_pool(launcher)
    pool.close()
    assert not any(engine.alive for engine in launcher.engines)
    assert not pool.has_free_slot


MIXED = [Placement("cpu", 1.0, 0, 1, node) for node in ("old", "new", "new")]
CHOSEN = {"old": "float32", "new": "bfloat16"}


def test_the_first_ready_engine_decides_the_type_of_all_weights():
    launcher = Launcher([False, True], chosen=CHOSEN)
    pool = EnginePool(launcher, LostError, MIXED, 1)
    assert pool.dtype is None
    pool.poll()
    assert pool.dtype == "bfloat16"
    assert [pool.take("a"), pool.take("b")] == ["e1", "e2"]
    pool.poll()
    assert not launcher.engines[0].alive
    assert not pool.has_free_slot
    pool.poll()
    assert pool.take("c") == "e3"
    assert [engine.dtype for engine in launcher.engines if engine.alive] == ["bfloat16"] * 3


def test_an_engine_that_replaces_a_lost_one_has_the_type_of_the_others():
    launcher = Launcher([], [False] * 9, chosen=CHOSEN)
    pool = EnginePool(launcher, LostError, MIXED[:2], 1)
    pool.poll()
    pool.take("a")
    pool.retire("a")
    pool.poll()
    assert pool.take("b") == "e2"
    assert (pool.dtype, launcher.engines[2].dtype) == ("float32", "float32")
