from contextlib import closing

import pytest

from ptune.errors import BackboneError
from ptune.raytune.dispatcher import STRIKES, Dispatcher
from ptune.raytune.lost import EngineLostError, NodeLostError
from ptune.raytune.messages import Failed, Lost, Trained
from ptune.record.events import Metered
from ptune.record.journal import Journal, read
from ptune.record.requests import Add, End, Stop
from ptune.run.inbox import Bell, EndRequestedError, Inbox
from ptune.searching.conductor import Conductor
from ptune.storage.requests import leave
from support.fake_engines import Launcher, fixed_world
from support.made_headers import header_of
from support.small_search import small_job


class Desk:
    """A dispatcher with a real conductor and fake engines."""

    def __init__(self, folder, engines=1, slots=2, scripts=(), **budget):
        self.journal = Journal(folder / "journal.jsonl")
        header = self.journal.append(header_of(small_job(folder, "none", **budget), layers=3))
        self.conductor = Conductor(self.journal, [header])
        self.launcher = Launcher(*scripts)
        self.world = fixed_world(engines, slots, self.launcher)
        inbox = Inbox(folder, self.conductor, clock=lambda: self.world.clock.now)
        self.dispatcher = Dispatcher(self.conductor, self.world.pool, inbox)
        self.step()

    def step(self, seconds=1.0):
        """Let time go by, and new engines become ready."""
        for _ in range(2):
            self.world.clock.now += seconds
            self.dispatcher.step()

    def close(self):
        self.journal.close()

    def report(self, lease, epoch, accuracy=0.5):
        metrics = dict.fromkeys(("accuracy", "macro_f1", "loss", "train_loss"), accuracy)
        return self.dispatcher.take_in(lease, Trained(epoch, metrics, "state.safetensors"))

    def trial(self, number):
        return self.conductor.history.trials[number]


@pytest.fixture
def make_desk(tmp_path):
    desks = []

    def make(**options):
        desks.append(Desk(tmp_path, **options))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def test_a_turn_goes_on_until_the_conductor_ends_it(make_desk):
    desk = make_desk(epochs=2)
    assignment = desk.dispatcher.hand_out("a")
    assert (assignment.trial, assignment.epoch, assignment.engine, assignment.node) == (0, 0, "e0", "a")
    assert desk.report("a", 1)
    assert not desk.report("a", 2)
    assert desk.trial(0).status == "complete"
    assert set(desk.trial(0).reports[0]) == {"accuracy", "macro_f1", "loss", "train_loss"}
    assert desk.launcher.engines[0].left == ["a"]


def test_no_more_turns_than_slots(make_desk):
    desk = make_desk(slots=2)
    assert [desk.dispatcher.hand_out(lease) is not None for lease in "abc"] == [True, True, False]
    assert not desk.dispatcher.over


def test_the_search_is_over_when_the_conductor_is_done(make_desk):
    desk = make_desk(trials=1, epochs=1)
    desk.dispatcher.hand_out("a")
    desk.report("a", 1)
    assert desk.dispatcher.over
    assert desk.dispatcher.hand_out("b") is None
    desk.dispatcher.finish()


def test_a_failed_trial_fails_alone(make_desk):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    assert not desk.dispatcher.take_in("a", Failed("trial 0: the training loss is nan in epoch 1"))
    assert (desk.trial(0).status, desk.trial(0).reason) == ("failed", "trial 0: the training loss is nan in epoch 1")
    assert desk.dispatcher.hand_out("b").trial == 1


def test_trials_of_a_lost_engine_go_on_elsewhere_from_their_last_epoch(make_desk, caplog):
    desk = make_desk(epochs=3)
    for lease in "ab":
        desk.dispatcher.hand_out(lease)
    desk.report("a", 1)
    desk.dispatcher.take_in("b", Lost("the worker died"))
    assert caplog.messages == ["ptune: an engine is lost (the worker died); its 2 trials go on from their last epoch"]
    assert not desk.report("a", 2)  # its client has finished an epoch in the meantime; the saved state will tell
    desk.step()
    first = desk.dispatcher.hand_out("c")
    assert first.engine == "e1"
    assert desk.dispatcher.hand_out("d") is None  # the first is on probation
    desk.report("c", first.epoch + 1)
    second = desk.dispatcher.hand_out("d")
    assert {(turn.trial, turn.epoch) for turn in (first, second)} == {(0, 1), (1, 0)}


def test_a_trial_that_always_breaks_its_engine_fails_and_its_neighbours_do_not(make_desk):
    desk = make_desk(trials=3, epochs=2, slots=3)
    turns = {lease: desk.dispatcher.hand_out(lease).trial for lease in "abc"}
    for round_ in range(20):
        breaker = next((lease for lease, trial in turns.items() if trial == 1), None)
        if breaker is not None:
            desk.dispatcher.take_in(breaker, Lost("segmentation fault"))
            turns = {}
        for lease, trial in list(turns.items()):
            if not desk.report(lease, desk.trial(trial).epoch + 1):
                del turns[lease]
        desk.step()
        if turn := desk.dispatcher.hand_out(f"t{round_}"):
            turns[turn.lease] = turn.trial
    assert [desk.trial(number).status for number in range(3)] == ["complete", "failed", "complete"]
    assert f"{STRIKES + 1} times" in desk.trial(1).reason
    assert "segmentation fault" in desk.trial(1).reason


def break_engines(desk):
    """Lose every engine under trial 0 until it comes last; return the turn of the trial that goes before it."""
    turn = desk.dispatcher.hand_out("a")
    for round_ in range(STRIKES):
        assert turn.trial == 0
        desk.dispatcher.take_in(turn.lease, Lost("killed from outside"))
        desk.step()
        turn = desk.dispatcher.hand_out(f"again-{round_}")
    assert turn.trial == 1
    return turn


def test_a_trial_that_others_seem_to_break_comes_last_and_is_complete(make_desk):
    desk = make_desk(trials=2, epochs=1)
    turn = break_engines(desk)
    assert desk.dispatcher.hand_out("b") is None, "something else trains"
    desk.report(turn.lease, 1)
    last = desk.dispatcher.hand_out("c")
    assert (last.trial, desk.trial(0).status) == (0, "running")
    desk.report("c", 1)
    assert [desk.trial(number).status for number in (0, 1)] == ["complete", "complete"]
    assert desk.dispatcher.over


def test_a_turn_whose_client_died_is_handed_out_again(make_desk):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    desk.dispatcher.client_died("a", "killed")
    desk.dispatcher.client_died("a", "killed")
    assert desk.dispatcher.hand_out("b").trial == 0
    assert desk.launcher.engines[0].alive


def test_an_interrupt_ends_the_engines_and_leaves_the_search_resumable(make_desk, tmp_path):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    desk.dispatcher.interrupt()
    desk.dispatcher.step()
    assert not desk.launcher.engines[0].alive
    assert not desk.dispatcher.take_in("a", Lost("the engine is gone"))
    assert desk.dispatcher.hand_out("b") is None
    with pytest.raises(KeyboardInterrupt):
        desk.dispatcher.finish()
    assert desk.trial(0).status == "running"
    resumed = Conductor(desk.journal, read(desk.journal.path))
    assert resumed.next_turn().trial == 0


def test_an_epoch_that_ends_while_the_search_is_interrupted_is_kept(make_desk):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    desk.dispatcher.interrupt()
    desk.dispatcher.step()
    metrics = dict.fromkeys(("accuracy", "loss", "train_loss"), 0.5)
    desk.dispatcher.take_in("a", Trained(1, metrics, "state", {"cpu": 1.0}))
    with pytest.raises(KeyboardInterrupt):
        desk.dispatcher.finish()
    assert desk.trial(0).epoch == 1


def test_what_an_engine_takes_of_its_machine_is_journaled_under_its_number(make_desk):
    desk = make_desk(engines=2, epochs=9)
    metrics = dict.fromkeys(("accuracy", "loss", "train_loss"), 0.5)
    for lease in ("a", "b"):
        desk.dispatcher.hand_out(lease)
    answers = [("a", 1, {"cpu": 1.0}), ("b", 1, {"cpu": 2.0}), ("b", 2, None)]
    for lease, epoch, usage in answers:
        assert desk.dispatcher.take_in(lease, Trained(epoch, metrics, "state", usage))
    desk.dispatcher.take_in("b", Lost("the engine is gone"))
    desk.step()
    desk.dispatcher.hand_out("c")
    assert desk.dispatcher.take_in("c", Trained(3, metrics, "state", {"cpu": 3.0}))
    journaled = [event for event in read(desk.journal.path) if isinstance(event, Metered)]
    assert [(event.engine, event.usage["cpu"]) for event in journaled] == [(0, 1.0), (1, 2.0), (1, 3.0)]


def test_a_broken_journal_ends_the_search_after_tune_has_come_to_its_end(make_desk):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    with closing(desk.journal):
        pass
    assert not desk.report("a", 1)
    assert desk.dispatcher.over
    desk.dispatcher.step()
    assert not desk.launcher.engines[0].alive
    with pytest.raises(ValueError, match="closed file"):
        desk.dispatcher.finish()


def test_an_engine_that_cannot_be_loaded_ends_the_search(make_desk):
    desk = make_desk()
    desk.dispatcher.hand_out("a")
    desk.dispatcher.take_in("a", Lost("gone"))
    desk.launcher.scripts = [[BackboneError("the weights are gone")]]
    desk.step()
    assert desk.dispatcher.over
    with pytest.raises(BackboneError, match="gone"):
        desk.dispatcher.finish()


def test_an_engine_that_dies_unheard_by_its_clients_gives_its_trials_up(make_desk):
    desk = make_desk(engines=2, epochs=3)
    for lease in "ab":
        desk.dispatcher.hand_out(lease)
    desk.launcher.engines[0].beats = [EngineLostError("killed")]
    desk.step(3.0)
    assert not desk.dispatcher.take_in("a", Lost("its client noticed later"))
    assert desk.dispatcher.hand_out("c").trial == 0
    assert desk.report("b", 1)


def test_nodes_that_leave_cost_a_trial_nothing_and_only_the_one_that_always_leaves_with_them_is_held_alone(make_desk):
    desk = make_desk(trials=2, epochs=9, slots=2)
    for round_ in range(STRIKES):
        turns = [desk.dispatcher.hand_out(f"{round_}{lease}") for lease in "ab"]
        innocent = next(turn for turn in turns if turn.trial == 0)
        assert desk.report(innocent.lease, innocent.epoch + 1)
        desk.dispatcher.take_in(turns[0].lease, Lost("its node has died", with_node=True))
        desk.step()
    alone = desk.dispatcher.hand_out("x")
    shared = desk.dispatcher.hand_out("y")
    if alone.trial == 0:
        assert shared is None or shared.trial == 1
        alone = shared or desk.dispatcher.hand_out("z")
    assert [desk.trial(number).status for number in (0, 1)] == ["running", "running"]
    for round_ in range(STRIKES):
        desk.dispatcher.take_in(alone.lease, Lost("its node has died", with_node=True))
        desk.step()
        turns = [desk.dispatcher.hand_out(f"again-{round_}{lease}") for lease in "ab"]
        alone = next((turn for turn in turns if turn is not None and turn.trial == 1), alone)
        for turn in turns:
            if turn is not None and turn.trial == 0:
                desk.report(turn.lease, turn.epoch + 1)
                if alone.lease not in desk.dispatcher._under_way:
                    alone = desk.dispatcher.hand_out(f"later-{round_}") or alone
    assert [desk.trial(number).status for number in (0, 1)] == ["running", "running"]
    (lease,) = desk.dispatcher._under_way
    while desk.report(lease, desk.trial(0).epoch + 1):
        assert desk.dispatcher.hand_out("not yet") is None
    last = desk.dispatcher.hand_out("last")
    assert last.trial == 1
    desk.dispatcher.take_in("last", Lost("its node has died", with_node=True))
    assert [desk.trial(number).status for number in (0, 1)] == ["complete", "failed"]


def test_a_client_that_dies_with_its_node_keeps_new_trials_off_the_engine(make_desk):
    desk = make_desk(slots=3)
    desk.dispatcher.hand_out("a")
    desk.launcher.engines[0].beats = [None, NodeLostError("its node has died")]
    desk.dispatcher.client_died("a", "its node has died", with_node=True)
    assert desk.dispatcher.hand_out("b") is None
    desk.step(3.0)
    desk.step()
    assert desk.dispatcher.hand_out("c").engine == "e1"


def test_a_trial_that_a_user_stops_leaves_its_engine(make_desk, tmp_path):
    desk = make_desk(slots=1, epochs=3)
    desk.dispatcher.hand_out("a")
    assert desk.report("a", 1)
    leave(tmp_path, Stop(0))
    leave(tmp_path, Add({"lr": 0.05}))
    desk.step()
    assert desk.trial(0).status == "stopped"
    assert desk.launcher.engines[0].left == ["a"]
    assert not desk.dispatcher.take_in("a", Lost("trial 0 has left the engine"))
    assert desk.dispatcher.hand_out("b").config["lr"] == 0.05
    assert desk.trial(1).added


def test_a_trial_that_waits_for_another_engine_may_be_stopped(make_desk, tmp_path):
    desk = make_desk(engines=1, slots=1)
    desk.dispatcher.hand_out("a")
    desk.dispatcher.client_died("a", "gone")
    leave(tmp_path, Stop(0))
    desk.step()
    assert desk.dispatcher.hand_out("b").trial == 1


def test_a_trial_that_comes_last_may_be_stopped(make_desk, tmp_path):
    desk = make_desk(trials=2, epochs=1)
    turn = break_engines(desk)
    leave(tmp_path, Stop(0))
    desk.step()
    desk.report(turn.lease, 1)
    assert desk.dispatcher.hand_out("b") is None
    assert desk.dispatcher.over


def test_a_user_ends_a_search_whether_it_trains_or_waits_for_engines(make_desk, tmp_path):
    desk = make_desk()
    bell = Bell(tmp_path, {})
    bell()
    leave(tmp_path, Add({}))
    request = leave(tmp_path, End())
    with pytest.raises(EndRequestedError) as asked:
        bell()
    assert asked.value.request == request.id
    assert desk.dispatcher.hand_out("a")
    desk.step()
    assert desk.dispatcher.over
    with pytest.raises(EndRequestedError):
        desk.dispatcher.finish()
    Bell(tmp_path, {request.id})()
