"""Every error ptune raises on purpose.

    PtuneError
    ├── SpecError          a job, space or command line asks for something that is not allowed  (ValueError)
    ├── DataError          a data set is missing, malformed or does not fit the task            (ValueError)
    ├── BackboneError      a backbone cannot be found, verified or take a prompt                (ValueError)
    ├── EngineError        a trial cannot be trained on this device                             (RuntimeError)
    │   └── DivergedError  a loss or metric is no longer finite                             (RuntimeError)
    ├── JournalError       a search's record is missing, damaged or belongs to another job      (RuntimeError)
    │   └── NotFoundError  there is no search of that name, or it has no such trial         (RuntimeError)
    ├── TrackingError      the MLflow server refuses what ptune asks                            (RuntimeError)
    ├── BucketError        a bucket of object storage cannot be reached, or refuses             (RuntimeError)
    ├── ArtifactError      an artifact cannot be written, read or expressed in a format         (ValueError)
    ├── HubError           the Hugging Face Hub cannot be reached, or refuses                   (RuntimeError)
    ├── StorageError       a disk is full, or a search's folder is gone                         (OSError)
    └── ClusterError       a Ray cluster or job cannot be reached or started                    (RuntimeError)

Each class is also the standard-library type that fits, takes one message, and can be pickled, because errors
cross Ray processes. A message says what is wrong, the value given, what is allowed and the nearest valid name.
To add one: subclass the closest class here, keep the single message argument, add it to the tree above. An error that
one package raises for itself narrows one of these and stands where it is raised.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST, _LONGEST = 30, 100
"""Names that a message lists, and characters of each."""


class PtuneError(Exception):
    """Base of every error that ptune raises on purpose; `str(error)` is the whole message."""


class SpecError(PtuneError, ValueError):
    """A job, a search space or a command line asks for something that is not allowed."""


class DataError(PtuneError, ValueError):
    """A data set is missing, malformed or does not fit its task."""


class BackboneError(PtuneError, ValueError):
    """A backbone cannot be found, fails verification, or cannot take a prompt."""


class EngineError(PtuneError, RuntimeError):
    """A trial cannot be trained on this device."""


class DivergedError(EngineError):
    """A loss or a metric is no longer finite; the trial ends, the search goes on."""


class JournalError(PtuneError, RuntimeError):
    """A search's record is missing, damaged, or belongs to another job."""


class NotFoundError(JournalError):
    """There is no search of that name, or the search has no such trial."""


class StorageError(PtuneError, OSError):
    """A disk is full, or the folder of a search is gone."""


class TrackingError(PtuneError, RuntimeError):
    """The MLflow server refuses what ptune asks of it."""


class BucketError(PtuneError, RuntimeError):
    """The bucket that holds a runs folder cannot be reached, or refuses what is asked."""


class ArtifactError(PtuneError, ValueError):
    """An artifact cannot be written, read, or expressed in the format asked for."""


class HubError(PtuneError, RuntimeError):
    """The Hugging Face Hub cannot be reached, or refuses what ptune asks of it."""


class ClusterError(PtuneError, RuntimeError):
    """A Ray cluster or job cannot be reached or started."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest valid name, or `""` when none is close."""
    matches = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def listed(names: Iterable[str]) -> str:
    """Names for a message: the first ones, and how many more there are; signs that nobody sees are written out."""
    shown = [name if name.isprintable() else repr(name) for name in names]
    return ", ".join(name[:_LONGEST] for name in shown[:_MOST]) + (
        f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    )
