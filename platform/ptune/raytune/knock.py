"""Whether anybody listens at an address, found out in seconds; Ray itself would go on trying for minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_PATIENCE_S = 10.0


def knock(address: str) -> str | None:
    """Why nobody answers at `host:port` or `scheme://host:port`; None if somebody does."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), _PATIENCE_S).close()
    except KeyError:
        return "it names no port"
    except (OSError, ValueError) as error:
        return str(error)
    return None
