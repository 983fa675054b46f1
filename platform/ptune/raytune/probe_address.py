"""Find out in seconds whether anything listens at an address. Ray itself tries for minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_PATIENCE_S = 10.0


def probe_address(address: str) -> str | None:
    """Return why nothing answers at `host:port` or `scheme://host:port`; None if something does."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), _PATIENCE_S).close()
    except KeyError:
        return "it names no port"
    except (OSError, ValueError) as error:
        return str(error)
    return None
