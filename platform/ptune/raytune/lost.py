"""The errors that say that an engine is gone. Another engine can go on with its trials."""

from ptune.errors import ClusterError


class EngineLostError(ClusterError):
    """An engine's process has died."""


class NodeLostError(EngineLostError):
    """An engine's node has died or cannot be reached: no trial is to blame."""
