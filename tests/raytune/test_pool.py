from pathlib import Path

import pytest

from ptune.errors import BackboneError, ClusterError
from ptune.raytune.lost import EngineLostError, NodeLostError
from ptune.raytune.member import Loss
from ptune.raytune.messages import Beat
from ptune.raytune.placement import Node
from ptune.spec.resources import Resources
from support.fake_engines import Launcher, World, fixed_world, one_core_nodes
from support.steps import steps


def names(pool, leases):
    return [pool.take(lease).name for lease in leases]


def test_slots_go_to_the_emptiest_engine_until_all_are_taken():
    pool = fixed_world(2).pool
    assert names(pool, "abcd") == ["e0", "e1", "e0", "e1"]
    assert not pool.has_free_slot
    assert pool.leases == 4


def test_a_slot_given_back_is_free_and_its_engine_is_told():
    world = fixed_world(slots=1)
    world.pool.take("a")
    world.pool.release("a")
    world.pool.release("a")
    assert world.pool.has_free_slot
    assert world.launcher.engines[0].left == ["a"]


def test_an_engine_that_is_not_ready_has_no_free_slot():
    world = fixed_world(launcher=Launcher([False, True]))
    assert not world.pool.has_free_slot
    world.poll()
    assert world.pool.has_free_slot


def test_nobody_joins_a_lease_on_probation_until_it_is_trusted():
    pool = fixed_world().pool
    pool.take("a", on_probation=True)
    assert not pool.has_free_slot
    pool.trust("a")
    assert pool.has_free_slot


def test_a_lost_engine_is_replaced_under_its_number_and_ends_every_lease_on_it():
    world = fixed_world(2)
    assert names(world.pool, "abc") == ["e0", "e1", "e0"]
    assert world.pool.retire("c", "gone") == Loss(frozenset("ac"), frozenset("ac"), "gone", with_node=False)
    assert world.pool.retire("a", "gone") is None
    assert [engine.name for engine in world.launcher.alive] == ["e1"]
    world.poll()
    world.poll()
    assert world.pool.take("d").name == "e2"
    assert world.pool.number("d") == 0


def test_the_lease_on_probation_is_blamed_for_the_loss():
    pool = fixed_world().pool
    pool.take("a")
    pool.take("b", on_probation=True)
    assert pool.retire("a", "gone").blamed == {"b"}


def test_an_engine_that_dies_while_loading_is_started_again():
    dies = [EngineLostError("gone")]
    world = fixed_world(launcher=Launcher(dies, dies))
    assert not world.pool.has_free_slot
    world.poll()
    world.poll()
    assert world.pool.take("a").name == "e2"


def test_a_node_where_engines_always_die_is_avoided_and_the_others_go_on():
    dies = [EngineLostError("node down")]
    world = World(one_core_nodes("a", "b"), Resources(engines=2), Launcher(dies, (), dies, dies, dies, [False] * 9))
    world.grows = True
    world.polls(9)
    assert world.pool.take("a").name == "e1"
    pending = world.launcher.alive[-1]
    assert (pending.placement.node, pending.placement.avoids) == (None, ("a",))


def test_without_any_engine_left_the_search_cannot_go_on():
    world = World(one_core_nodes("a"), Resources(engines=1), Launcher(*[[EngineLostError("out of memory")]] * 3))
    with pytest.raises(ClusterError, match=r"every engine died while loading.*3 times: out of memory"):
        world.polls(9)


def test_an_engine_that_cannot_be_loaded_anywhere_says_why():
    with pytest.raises(BackboneError, match="no such folder"):
        fixed_world(launcher=Launcher([BackboneError("no such folder")]))


def test_the_conclusion_moves_to_another_engine_when_one_dies():
    world = fixed_world()
    world.launcher.engines[0].concluded = EngineLostError("gone")
    world.pool.wait = lambda demand: [world.poll(demand) for _ in range(3)]
    assert world.pool.conclude(None).artifact == Path("e1")
    assert world.pool.has_free_slot


def test_closing_ends_every_engine_also_those_that_are_not_there_yet():
    world = World([Node("head", cpus=0, gpus=0)], Resources(engines=3), Launcher([False] * 9), grows=True)
    world.poll()
    assert len(world.launcher.alive) == 3
    world.pool.close()
    assert not world.launcher.alive
    assert not world.pool.has_free_slot


# --- one type of weights ---

CHOSEN = {"a": "float32", "b": "bfloat16", "c": "bfloat16"}


def test_the_first_ready_engine_decides_the_type_of_all_weights():
    world = World(one_core_nodes("a", "b", "c"), Resources(engines=3, slots=1), Launcher([False, True], chosen=CHOSEN))
    assert world.pool.dtype is None
    world.poll()
    world.poll()
    assert world.pool.dtype == "bfloat16"
    assert names(world.pool, "xy") == ["e1", "e2"]
    world.poll()
    assert not world.launcher.engines[0].alive
    assert not world.pool.has_free_slot
    world.poll()
    assert world.pool.take("z").name == "e3"
    assert [engine.dtype for engine in world.launcher.alive] == ["bfloat16"] * 3


def test_an_engine_that_replaces_a_lost_one_has_the_type_of_the_others():
    world = World(one_core_nodes("a", "b"), Resources(engines=2, slots=1), Launcher([], [False] * 9, chosen=CHOSEN))
    world.polls(2)
    world.pool.take("x")
    world.pool.retire("x", "gone")
    world.polls(2)
    assert world.pool.take("y").name == "e2"
    assert (world.pool.dtype, world.launcher.engines[2].dtype) == ("float32", "float32")


# --- a stream of nodes ---


def test_a_cluster_without_room_is_waited_for_with_words_and_up_to_a_limit():
    resources = Resources(engines=2, device="cuda", engines_within_s=60.0, labels={"zone": "eu"}, reserve={"x": 1.0})
    world = World([Node("head", cpus=0, gpus=0)], resources, Launcher(*[[False] * 99] * 2), grows=True)
    world.polls(9)
    assert world.said == []
    world.polls(3)
    needs = "room for an engine, which needs 0.25 CPUs and 1 GPU, label zone=eu, 1 x"
    there = "nodes that suit the job: 1, with 0 CPUs and 0 GPUs, which others may use"
    assert world.said == [f"{needs} (2 asked for; {there})"]
    with pytest.raises(ClusterError, match=r"no engine was ready within 60 s \(resources.engines_within_s\): room for"):
        world.polls(60)


def test_a_wait_that_is_over_is_taken_back():
    world = World([Node("head", cpus=0, gpus=0)], Resources(engines=1), Launcher([False] * 15), grows=True)
    world.polls(20)
    assert world.said[-1] is None
    assert len(world.said) == 2


def test_a_node_that_joins_gets_engines_at_once_and_one_that_leaves_is_survived():
    world = World(one_core_nodes("a"), Resources(engines="auto", slots=1), grows=False)
    world.polls(2)
    world.nodes += one_core_nodes("b")
    world.polls(2)
    assert [engine.node for engine in world.launcher.alive] == ["a", "b"]
    names(world.pool, "xy")
    world.nodes = one_core_nodes("b")
    world.launcher.engines[0].beats = [NodeLostError("its node has died")] * 2
    losses = world.poll(seconds=3.0)
    assert losses == [Loss(frozenset("x"), frozenset("x"), "its node has died", with_node=True)]
    world.polls(2)
    assert [engine.node for engine in world.launcher.alive] == ["b"]


def test_auto_grows_with_demand_and_idle_engines_are_released_after_a_while():
    world = World([Node("head", cpus=0, gpus=0)], Resources(device="cuda", slots=2), trials=100, grows=True)
    world.polls(2, demand=3)
    assert len(world.launcher.alive) == 2
    world.polls(4, demand=12)
    assert len(world.launcher.alive) == 6
    names(world.pool, "abc")
    world.polls(30, demand=3)
    assert len(world.launcher.alive) == 6
    world.polls(40, demand=3)
    assert [engine.name for engine in world.launcher.alive] == ["e0", "e1", "e2"], "no trial loses its engine"
    for lease in "abc":
        world.pool.release(lease)
    world.polls(70, demand=0)
    assert len(world.launcher.alive) == 1


def test_engines_that_never_came_are_no_longer_asked_for_when_no_trial_needs_them():
    world = World(
        one_core_nodes("a"), Resources(slots=1), Launcher([True], *[[False] * 999] * 4), trials=100, grows=True
    )
    world.polls(3, demand=100)
    assert len(world.launcher.alive) == 5
    world.pool.take("x")
    world.poll(demand=1)
    assert [engine.name for engine in world.launcher.alive] == ["e0"]


def test_gpus_that_join_take_over_from_cpus():
    world = World(one_core_nodes("a", "b"), Resources(slots=1), Launcher([True], [False] * 99), grows=True, trials=4)
    world.polls(2)
    world.pool.take("x")
    world.nodes.append(Node("g", cpus=4, gpus=1))
    world.polls(3)
    assert [(engine.placement.device, engine.node) for engine in world.launcher.alive] == [
        ("cpu", "a"),
        ("cuda", "of-e2"),
        ("cuda", "of-e3"),
    ]
    assert names(world.pool, "yz") == ["e2", "e3"]
    world.pool.release("x")
    assert not world.pool.has_free_slot
    world.poll()
    assert not world.launcher.engines[0].alive


def test_engines_on_one_node_share_its_threads_as_they_come_and_go():
    world = World([Node("a", cpus=5, gpus=0)], Resources(engines=2, slots=1), Launcher([], [False, False]))
    world.polls(2)
    assert [engine.threads for engine in world.launcher.engines] == [5, None]
    world.polls(2)
    assert [engine.threads for engine in world.launcher.engines] == [3, 2]


# --- silence ---


def test_an_engine_that_does_not_answer_gets_no_trials_is_named_and_is_replaced():
    world = fixed_world(silent_s=30.0)
    world.pool.take("x")
    world.launcher.engines[0].beats = [None] * 99
    assert not any(world.poll() for _ in range(12))
    assert not world.pool.has_free_slot
    losses = [loss for _ in range(30) for loss in world.poll()]
    assert [(loss.leases, loss.with_node) for loss in losses] == [(frozenset("x"), False)]
    assert "the engine on node at-a hangs: it has not answered for 3" in losses[0].reason
    assert world.said[0] == "engine 0 on node at-a, which does not answer"
    assert world.pool.has_free_slot, "another engine has taken its place"


def test_time_in_which_nobody_looked_is_no_silence():
    world = fixed_world(silent_s=30.0)
    world.launcher.engines[0].beats = [None] * 3
    for _ in range(3):
        world.poll(seconds=500.0)
    assert world.launcher.engines[0].alive


def test_a_pass_may_take_long_but_not_many_times_as_long_as_those_before():
    def engine_alive_after(beat):
        world = fixed_world(silent_s=30.0)
        world.launcher.engines[0].beats = [beat]
        for _ in range(3):
            world.poll()
        return world.launcher.engines[0].alive

    assert engine_alive_after(Beat("trains", for_s=140.0, longest_pass_s=0.1))
    assert not engine_alive_after(Beat("trains", for_s=151.0, longest_pass_s=0.1))
    assert engine_alive_after(Beat("trains", for_s=590.0, longest_pass_s=30.0))
    assert not engine_alive_after(Beat("trains", for_s=610.0, longest_pass_s=30.0))
    assert engine_alive_after(Beat("loads the backbone", for_s=9_999.0, longest_pass_s=0.0))
    assert engine_alive_after(Beat("trains", for_s=9_999.0, longest_pass_s=0.1, writes="/runs/a"))


def test_storage_that_blocks_is_named_with_file_and_node():
    world = fixed_world()
    world.launcher.engines[0].beats = [Beat("trains", 30.0, 0.1, "/runs/state")] * 99
    world.polls(20)
    assert world.said == ["the storage that should take /runs/state from node at-a"]


def test_an_engine_whose_node_is_doubted_gets_no_trials_until_it_answers():
    world = fixed_world()
    world.pool.take("x")
    world.launcher.engines[0].beats = [None]
    world.pool.doubt("x")
    assert not world.pool.has_free_slot
    world.poll(seconds=3.0)
    assert not world.pool.has_free_slot
    world.poll(seconds=3.0)
    assert world.pool.has_free_slot


# --- many engines ---


def test_filling_slots_is_work_in_proportion_to_the_engines():
    def work(engines):
        world = World([Node("head", cpus=engines, gpus=0)], Resources(engines=engines))
        for _ in range(2):
            world.poll()
        filling = steps(lambda: [world.pool.take(str(lease)) for lease in range(engines * 4)])
        assert not world.pool.has_free_slot
        return filling

    assert work(2_000) < 12 * work(200)
