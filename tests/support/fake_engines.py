"""Engines without processes: what the pool sees of them, under a test's control."""

from dataclasses import dataclass, field
from pathlib import Path

from ptune.raytune.messages import Beat
from ptune.raytune.placement import Fleet, Node, Planner
from ptune.raytune.pool import EnginePool
from ptune.run.conclusion import Conclusion
from ptune.run.waits import Waits
from ptune.spec.resources import Resources


class FakeEngine:
    """Ready at once on its placement's node, unless `polls` says otherwise: values to return, or errors to raise.

    `beats` does so for what it answers when it is asked what it does.
    """

    def __init__(self, name, placement, polls=(), dtype="float32"):
        self.name = name
        self.placement = placement
        self.node = None
        self.dtype = dtype
        self.alive = True
        self.left = []
        self.threads = None
        self.beats = []
        self.concluded = Conclusion(artifact=Path(name))
        self._polls = list(polls)

    def poll(self):
        answer = self._polls.pop(0) if self._polls else True
        if answer:  # also an engine that dies has arrived
            self.node = self.placement.node or f"of-{self.name}"
        if isinstance(answer, Exception):
            raise answer
        return answer

    def beat(self):
        answer = self.beats.pop(0) if self.beats else Beat(None, 0.0, 0.0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def compute_with(self, threads):
        self.threads = threads

    def leave(self, lease):
        self.left.append(lease)

    def conclude(self, _history):
        def result():
            if isinstance(self.concluded, Exception):
                raise self.concluded
            return self.concluded

        return result

    def kill(self):
        self.alive = False


class Launcher:
    """Starts fake engines called e0, e1, ...; `scripts` holds the polls of the first ones.

    `chosen` maps a node to the type of weights that its device chooses, unless an engine is told one.
    """

    def __init__(self, *scripts, chosen=None):
        self.engines = []
        self._chosen = chosen or {}
        self.scripts = list(scripts)

    def __call__(self, placement, dtype):
        script = self.scripts.pop(0) if self.scripts else ()
        dtype = dtype or self._chosen.get(placement.node, "float32")
        self.engines.append(FakeEngine(f"e{len(self.engines)}", placement, script, dtype))
        return self.engines[-1]

    @property
    def alive(self):
        return [engine for engine in self.engines if engine.alive]


class Clock:
    """Time that a test moves."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@dataclass
class World:
    """A pool of fake engines on nodes that come and go as a test says, with time that it moves."""

    nodes: list[Node]
    resources: Resources = field(default_factory=Resources)
    launcher: Launcher = field(default_factory=Launcher)
    trials: int = 1_000
    grows: bool = False
    gpus_to_come: float = 0.0

    def __post_init__(self):
        self.clock = Clock()
        self.said = []
        waits = Waits(self.said.append, self.clock)
        planner = Planner(self.resources, self.trials, engine_bytes=2**30)
        self.pool = EnginePool(self.launcher, planner, self.fleet, waits, self.clock)

    def fleet(self, avoided):
        nodes = [node for node in self.nodes if node.id not in avoided]
        return Fleet(nodes, self.grows, self.gpus_to_come, avoided)

    def poll(self, demand=1_000, seconds=1.0):
        """Let some seconds go by, then look after the engines."""
        self.clock.now += seconds
        return self.pool.poll(demand)

    def polls(self, times, demand=1_000):
        """Look after the engines once a second."""
        for _ in range(times):
            self.poll(demand)


def one_core_nodes(*names):
    """Nodes that hold one engine each."""
    return [Node(name, cpus=1, gpus=0, address=f"at-{name}") for name in names]


def fixed_world(engines=1, slots=2, launcher=None, **options):
    """A world whose job asks for a number of engines, each on a node of its own, which are ready."""
    nodes = one_core_nodes(*(chr(ord("a") + index) for index in range(engines)))
    world = World(nodes, Resources(engines=engines, slots=slots, **options), launcher or Launcher())
    world.poll()  # asks for them
    world.poll()  # finds those that are ready
    return world
