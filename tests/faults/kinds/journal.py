"""The journal of an interrupted search is cut, or one of its lines is damaged."""

from collections.abc import Callable

from costs import Costs, Fault
from stage import NAME, Stage

from ptune.record.events import Reported, Suggested
from ptune.record.journal import read

_TIMES = 3


def _damaged(harm: Callable[[Stage, bytes], bytes], *, repaired: bool = True) -> Callable[[Stage], Costs]:
    """Kill the driver, harm the journal, and go on; a command refuses it before it is repaired."""

    def play(stage: Stage) -> Costs:
        stage.job(trials=10, epochs=9)
        for _ in stage.times(_TIMES):
            command = stage.search("--local")
            command.wait_for(stage.more_reports(stage.random.randint(3, 5)))
            command.kill()
            stage.injected()
            stage.journal.write_bytes(harm(stage, stage.journal.read_bytes()))
            if repaired:
                refused = stage.search("--local")
                assert (refused.end(), "ptune repair" in refused.err) == (1, True), refused.ended()
                assert stage.command("repair", NAME, "--yes").end() == 0
        stage.search("--local").result()
        return stage.costs()

    return play


def _cut(stage: Stage, content: bytes) -> bytes:
    """In the last line, as a power cut does."""
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    return content[: stage.random.randrange(last, len(content))]


def _scrawled(stage: Stage, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    hit = stage.random.randrange(1, len(lines))
    lines[hit] = b"\0" * 4 + lines[hit][4:]
    return b"".join(lines)


def _without_a_suggestion(stage: Stage, content: bytes) -> bytes:
    """Of a trial that has saved a state; without one, nothing else holds its configuration, and it ends as failed."""
    events = read(stage.journal)
    begun = {event.trial for event in events if isinstance(event, Reported)}
    hit = stage.random.choice(
        [at for at, event in enumerate(events) if isinstance(event, Suggested) and event.trial in begun]
    )
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:hit] + lines[hit + 1 :])


FAULTS = [
    Fault("journal-cut", "journal cut in its last line", _damaged(_cut, repaired=False)),
    Fault("journal-line", "a line of the journal damaged, repaired", _damaged(_scrawled)),
    Fault(
        "journal-suggestion",
        "a begun trial's suggestion missing in the journal, repaired",
        _damaged(_without_a_suggestion),
    ),
]
