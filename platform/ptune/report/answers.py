"""What has become of the requests of users, in a line for people. Pure."""

from __future__ import annotations

from typing import assert_never

from ptune.record.events import Ended, Extended, Finished, Refused, Suggested
from ptune.record.history import Answer, History
from ptune.record.wording import described
from ptune.report.wording import plural, result_text


def answer_text(answer: Answer, history: History) -> str:
    """An answer in one line.

    Args:
        answer: an event that answers a request.
        history: the search, which holds it.
    """
    match answer:
        case Suggested(trial):
            record = history.trials[trial]
            text = f"trial {trial} is {_came(answer)}: {described(record.config, history.names(record))}"
            return text if record.status != "failed" else f"{text}; it failed: {record.reason}"
        case Finished(trial):
            record, metric = history.trials[trial], history.objective.metric
            value = result_text(record.best_value, record.dev_examples)
            best = "" if record.best_value is None else f"; its best {metric} is {value}"
            return f"trial {trial} is stopped after {plural(record.trained_epochs, 'epoch')}{best}"
        case Extended(trials):
            return f"{plural(trials, 'trial')} more: {history.planned} in all"
        case Refused(reason=reason):
            return f"refused: {reason}"
        case Ended(status):
            return f"{history.header.name} is {status}"
        case _:
            assert_never(answer)


def _came(answer: Suggested) -> str:
    if answer.cloned is None:
        return "added"
    return f"a {'warm ' if answer.warm else ''}clone of trial {answer.cloned}"
