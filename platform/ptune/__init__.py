"""ptune: hyperparameter search for continuous prompts over a frozen transformer.

Importing ptune imports neither torch nor ray; each part is loaded when it is used.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ptune")
except PackageNotFoundError:  # the source tree is on the path without being installed
    __version__ = "0+source"

__all__ = ["__version__"]
