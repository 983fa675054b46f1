"""The runs lie in a bucket of a real S3 server, which is away or slow."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from costs import Costs, Fault
from stage import Stage

from support.line import Line
from support.s3_server import BUCKET, CREDENTIALS, s3_server

_SLOW_S = 0.5


@contextmanager
def _line(stage: Stage) -> Iterator[Line]:
    """A line to the server; the stage keeps its runs at the other end."""
    with s3_server(stage.folder) as address, closing(Line(address)) as line:
        stage.keep_runs_at(f"s3://{BUCKET}/runs", AWS_ENDPOINT_URL=line.address, **CREDENTIALS)
        yield line


def _away(stage: Stage) -> Costs:
    stage.job(trials=10, epochs=9)
    with _line(stage) as line:

        def cut() -> None:
            line.refused = 0
            line.cut()
            command.wait_for(lambda: line.refused >= 3)
            line.mend()

        command = stage.search()
        return stage.disturbed(command, cut)


def _slow(stage: Stage) -> Costs:
    stage.job()
    with _line(stage) as line:
        line.delay_s = _SLOW_S
        stage.injected()
        stage.search().result()
        return stage.costs()


def _killed_meanwhile(stage: Stage) -> Costs:
    """The driver dies during an outage, with epochs that the bucket has not got."""
    stage.job(trials=10, epochs=9)
    with _line(stage) as line:
        for _ in stage.times(2):
            command = stage.search("--local")
            command.wait_for(stage.more_reports(2))
            line.refused = 0
            line.cut()
            command.wait_for(lambda: line.refused >= 2)
            stage.injected()
            command.kill()
            line.mend()
        stage.search("--local").result()
        return stage.costs()


FAULTS = [
    Fault("s3-down", "S3 away for a while", _away),
    Fault("s3-slow", f"S3 slow, {_SLOW_S} s more for each piece of an answer", _slow),
    Fault("s3-down-kill", "driver killed while S3 is away", _killed_meanwhile),
]
