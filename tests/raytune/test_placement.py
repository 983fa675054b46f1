import pytest

from ptune.errors import ClusterError
from ptune.raytune.placement import Node, Placement, place_engines
from ptune.spec.job import Resources

LAPTOP = [Node("a", cpus=2, gpus=0)]
CLUSTER = [Node("head", cpus=4, gpus=0), Node("x", cpus=16, gpus=4), Node("y", cpus=16, gpus=4)]

FEW = 4
SMALL = 2**30


def test_one_engine_per_cpu_node_leaves_a_core_for_the_clients():
    assert place_engines(LAPTOP, Resources(), FEW, SMALL) == [Placement("cpu", cpus=1.0, gpus=0, threads=2, node="a")]


def test_one_core_is_shared_between_engine_and_clients():
    assert place_engines([Node("a", cpus=1, gpus=0)], Resources(), FEW, SMALL) == [Placement("cpu", 0.5, 0, 1, "a")]


def test_one_engine_per_gpu():
    placements = place_engines(CLUSTER, Resources(), FEW, SMALL)
    assert placements == [Placement("cuda", cpus=1.0, gpus=1, threads=4, node=None)] * 8


def test_many_trials_take_an_engine_for_each_core():
    assert place_engines(LAPTOP, Resources(slots=2), 8, SMALL) == [Placement("cpu", 0.5, 0, 1, "a")] * 2
    placements = place_engines(CLUSTER, Resources(device="cpu"), 1_000, SMALL)
    assert [sum(one.node == name for one in placements) for name in ("head", "x", "y")] == [4, 16, 16]
    assert {one.threads for one in placements} == {1}


def test_engines_leave_half_of_the_trials_to_come():
    placements = place_engines(CLUSTER, Resources(device="cpu", slots=4), 40, SMALL)
    assert [one.node for one in placements].count("x") == 2
    assert len(placements) * 4 <= 40 / 2


def test_engines_are_as_many_as_memory_holds():
    node = Node("a", cpus=16, gpus=0, memory=4.5 * 2**30)
    assert place_engines([node], Resources(), 1_000, SMALL) == [Placement("cpu", 3.0, 0, 4, "a")] * 4


@pytest.mark.parametrize(("cores", "engines"), [(8, 5), (16, 9), (7, 7), (64, 33)])
def test_no_core_is_left_idle(cores, engines):
    placements = place_engines([Node("a", cpus=cores, gpus=0)], Resources(engines=engines), FEW, SMALL)
    assert sum(one.threads for one in placements) == cores
    assert max(one.threads for one in placements) - min(one.threads for one in placements) <= 1


@pytest.mark.parametrize("engines", [1, 3, 5])
def test_the_job_says_how_many(engines):
    assert len(place_engines(CLUSTER, Resources(engines=engines), FEW, SMALL)) == engines
    on_cpus = place_engines(CLUSTER, Resources(engines=engines, device="cpu"), FEW, SMALL)
    assert len(on_cpus) == engines
    assert all(placement.gpus == 0 and placement.cpus == int(placement.cpus) for placement in on_cpus)


def test_engines_of_one_node_share_its_cores():
    node = Node("a", cpus=8, gpus=0)
    three, two = Placement("cpu", 2.0, 0, 3, "a"), Placement("cpu", 1.0, 0, 2, "a")
    assert place_engines([node], Resources(engines=3), FEW, SMALL) == [three, three, two]
    assert place_engines([node], Resources(engines=16), FEW, SMALL) == [Placement("cpu", 0.25, 0, 1, "a")] * 16


@pytest.mark.parametrize(
    ("nodes", "resources", "message"),
    [
        (LAPTOP, Resources(device="cuda"), "no GPU"),
        (CLUSTER, Resources(engines=9), "<= 8"),
        ([Node("head", cpus=0, gpus=0)], Resources(), "no node of the cluster offers CPUs"),
    ],
)
def test_what_a_cluster_cannot_offer_is_refused(nodes, resources, message):
    with pytest.raises(ClusterError, match=message):
        place_engines(nodes, resources, FEW, SMALL)
