"""ptune: hyperparameter search for continuous prompts over a frozen transformer.

    import ptune

    result = ptune.search("jobs/quickstart.toml")    # or a dictionary, or a `Job`
    result.trials()                                  # a DataFrame, one row for each trial
    result.export("my-prompt")
    prompt = ptune.load("my-prompt")
    prompt.predict(["a text", "another"])

Importing ptune imports neither torch, ray nor pandas: each name is loaded when it is first used. Every error that ptune
raises on purpose is a `PtuneError`; the tree of them is in `ptune.errors`.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptune.api.inspect import inspect
    from ptune.api.prompt import Prompt, load
    from ptune.api.result import SearchResult
    from ptune.api.search import open, search  # noqa: A004 - ptune.open
    from ptune.api.trial import Trial
    from ptune.errors import ArtifactError, BackboneError, DataError, JournalError, PtuneError, SpecError
    from ptune.spec.job import Job

try:
    __version__ = version("ptune")
except PackageNotFoundError:  # the source tree is on the path without being installed
    __version__ = "0+source"

__all__ = [
    "ArtifactError",
    "BackboneError",
    "DataError",
    "Job",
    "JournalError",
    "Prompt",
    "PtuneError",
    "SearchResult",
    "SpecError",
    "Trial",
    "__version__",
    "inspect",
    "load",
    "open",
    "search",
]

_HOMES = {
    "ArtifactError": "ptune.errors",
    "BackboneError": "ptune.errors",
    "DataError": "ptune.errors",
    "Job": "ptune.spec.job",
    "JournalError": "ptune.errors",
    "Prompt": "ptune.api.prompt",
    "PtuneError": "ptune.errors",
    "SearchResult": "ptune.api.result",
    "SpecError": "ptune.errors",
    "Trial": "ptune.api.trial",
    "inspect": "ptune.api.inspect",
    "load": "ptune.api.prompt",
    "open": "ptune.api.search",
    "search": "ptune.api.search",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ptune' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names; those not used yet are among them."""
    return sorted({*globals(), *__all__})
