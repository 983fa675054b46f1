import pytest

from ptune.errors import ClusterError
from ptune.raytune.placement import Fleet, Node, Placement, Planner, suitable, threads
from ptune.spec.resources import Resources
from support.steps import steps

LAPTOP = Fleet([Node("a", cpus=2, gpus=0)], grows=False)
NODES = [Node("head", cpus=4, gpus=0), Node("x", cpus=16, gpus=4), Node("y", cpus=16, gpus=4)]
CLUSTER = Fleet(NODES)
NOBODY_YET = Fleet([Node("head", cpus=0, gpus=0)])
GIB = 2**30


def planned(fleet, demand=1_000, trials=1_000, present=(), **resources):
    """The placements that a job of some resources asks for."""
    planner = Planner(Resources(**resources), trials, GIB)
    return planner.missing(fleet, present, planner.wanted(fleet, len(present), demand) - len(present))


def test_one_engine_takes_a_laptops_cores():
    assert planned(LAPTOP, trials=4, demand=4) == [Placement("cpu", 2.0, 0, "a")]


def test_one_engine_per_gpu_wherever_ray_finds_one():
    fixed = Fleet(NODES, grows=False)
    assert planned(fixed) == [Placement("cuda", 0.25, 1, None)] * 8


def test_an_engine_on_several_gpus_has_them_on_one_node():
    fixed = Fleet(NODES, grows=False)
    assert planned(fixed, gpus_per_engine=2) == [Placement("cuda", 0.25, 2, None)] * 4
    assert len(planned(fixed, gpus_per_engine=3)) == 2
    assert threads(NODES[1], "cuda", 0, 2, gpus=2) == 2 * threads(NODES[1], "cuda", 0, 4)
    with pytest.raises(ClusterError, match=r"engines <= 4, .* got 5 with gpus_per_engine = 2"):
        planned(fixed, gpus_per_engine=2, engines=5)
    with pytest.raises(ClusterError, match=r"gpus_per_engine <= 1, .* got 2"):
        planned(Fleet([Node("a", cpus=2, gpus=1)], grows=False), gpus_per_engine=2)
    with pytest.raises(ClusterError, match="gpus_per_engine is 2, but this machine offers Ray no GPU"):
        planned(LAPTOP, gpus_per_engine=2)


def test_no_engine_is_asked_for_without_a_trial_for_it():
    assert len(planned(Fleet(NODES, grows=False), demand=3)) == 3
    assert len(planned(NOBODY_YET, demand=3, slots=4)) == 1
    assert len(planned(NOBODY_YET, demand=9, slots=4, trials=100)) == 3


def test_many_trials_take_an_engine_for_each_core():
    assert planned(LAPTOP, trials=8, slots=2) == [Placement("cpu", 1.0, 0, "a")] * 2
    placements = planned(Fleet(NODES, grows=False), device="cpu")
    assert [sum(placement.node == name for placement in placements) for name in ("head", "x", "y")] == [4, 16, 16]
    assert {placement.cpus for placement in placements} == {1.0}


def test_engines_leave_half_of_the_trials_to_come():
    placements = planned(CLUSTER, device="cpu", slots=4, trials=40)
    assert [placement.node for placement in placements].count("x") == 2
    assert len(placements) * 4 <= 40 / 2


def test_engines_are_as_many_as_memory_holds():
    node = Node("a", cpus=16, gpus=0, memory=4.5 * GIB)
    assert planned(Fleet([node], grows=False)) == [Placement("cpu", 4.0, 0, "a")] * 4


@pytest.mark.parametrize(("cores", "engines"), [(8, 5), (16, 9), (7, 7), (64, 33)])
def test_no_core_is_left_idle(cores, engines):
    node = Node("a", cpus=cores, gpus=0)
    placements = planned(Fleet([node], grows=False), engines=engines)
    shares = [threads(node, "cpu", ordinal, engines) for ordinal in range(engines)]
    assert sum(placement.cpus for placement in placements) == sum(shares) == cores
    assert max(shares) - min(shares) <= 1


def test_engines_that_outnumber_the_cores_of_one_machine_share_them():
    placements = planned(Fleet([Node("a", cpus=8, gpus=0)], grows=False), engines=16)
    assert placements == [Placement("cpu", 0.5, 0, "a")] * 16


def test_engines_that_a_cluster_has_no_cores_for_wait_for_more_nodes():
    placements = planned(Fleet([Node("a", cpus=2, gpus=0)]), engines=5)
    assert [placement.node for placement in placements] == ["a", "a", None, None, None]
    assert {placement.cpus for placement in placements} == {1.0}


def test_a_cluster_without_nodes_is_asked_for_what_the_job_needs():
    assert planned(NOBODY_YET, device="cuda", engines=2) == [Placement("cuda", 0.25, 1, None)] * 2
    assert planned(NOBODY_YET, engines=2) == [Placement("cpu", 1.0, 0, None)] * 2


def test_a_cluster_that_says_that_gpus_can_come_gets_no_engines_on_its_cpus():
    fleet = Fleet([Node("head", cpus=4, gpus=0)], gpus_to_come=8.0)
    assert {placement.device for placement in planned(fleet)} == {"cuda"}
    assert {placement.device for placement in planned(fleet, device="cpu")} == {"cpu"}


def test_auto_grows_by_as_much_as_is_there_until_half_of_the_trials_have_a_slot():
    gpus = [Placement("cuda", 0.25, 1, "x")] * 5
    fleet = Fleet([Node("x", cpus=8, gpus=5)])
    assert len(planned(fleet, present=gpus)) == 5
    assert len(planned(fleet, present=gpus, trials=48)) == 1
    assert planned(fleet, present=gpus, demand=20) == []


def test_a_range_holds_whatever_the_trials_need():
    bounds = {"engines": {"min": 2, "max": 3}}
    assert [len(planned(NOBODY_YET, demand=demand, **bounds)) for demand in (1, 9, 100)] == [2, 3, 3]
    assert [len(planned(CLUSTER, demand=demand, **bounds)) for demand in (1, 2, 100)] == [2, 2, 3]


def test_a_node_that_joins_gets_the_engines_that_are_missing():
    here = [Placement("cpu", 2.0, 0, "a")]
    assert planned(Fleet([Node("a", cpus=2, gpus=0)]), present=here, engines=1) == []
    joined = Fleet([Node("a", cpus=2, gpus=0), Node("b", cpus=4, gpus=0)])
    assert planned(joined, present=here, engines=3) == [Placement("cpu", 2.0, 0, "b")] * 2


def test_uneven_nodes_have_a_share_of_threads_each():
    small, large = Node("small", cpus=4, gpus=4), Node("large", cpus=96, gpus=4)
    assert [threads(node, "cuda", 0, 1) for node in (small, large)] == [1, 24]
    assert [threads(large, "cpu", ordinal, 5) for ordinal in range(5)] == [20, 19, 19, 19, 19]


def test_nodes_without_the_labels_and_resources_of_the_job_do_not_count():
    plain = Node("plain", cpus=8, gpus=1)
    spot = Node("spot", cpus=8, gpus=1, labels={"zone": "eu", "market": "spot"}, custom={"accelerator_type:A100": 1.0})
    big = Node("big", cpus=8, gpus=1, labels={"zone": "us"}, custom={"nvlink": 2.0})

    def names(**asked):
        return [node.id for node in suitable([plain, spot, big], Resources(**asked))]

    assert names() == ["plain", "spot", "big"]
    assert names(labels={"zone": "eu"}) == ["spot"]
    assert names(labels={"zone": "in(eu,us)", "market": "!spot"}) == ["big"]
    assert names(labels={"zone": "!in(eu,us)"}) == ["plain"]
    assert names(reserve={"nvlink": 1.5}) == ["big"]
    assert names(accelerator_type="A100") == ["spot"]


@pytest.mark.parametrize(
    ("fleet", "resources", "message"),
    [
        (LAPTOP, {"device": "cuda"}, "no GPU"),
        (LAPTOP, {"accelerator_type": "A100"}, "no GPU"),
        (Fleet(NODES, grows=False), {"engines": 9}, "<= 8"),
        (Fleet(NOBODY_YET.nodes, grows=False), {}, "offers Ray no CPUs"),
    ],
)
def test_what_one_machine_never_offers_is_refused(fleet, resources, message):
    with pytest.raises(ClusterError, match=message):
        planned(fleet, **resources)


def test_placing_is_work_in_proportion_to_the_engines():
    def work(engines):
        fleet = Fleet([Node(f"n{number}", cpus=1 + number % 7, gpus=0) for number in range(engines // 4)])
        return steps(lambda: planned(fleet, engines=engines))

    assert work(10_000) < 12 * work(1_000)
