"""Which URLs a runs folder may have."""

from __future__ import annotations

import importlib.util
from urllib.parse import urlsplit

from ptune.errors import SpecError, nearest

_PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
"""By scheme, the package through which fsspec reaches it; an extra of ptune has the scheme's name."""
_BUILT_IN = ("file", "memory")  # fsspec's own; of use in tests
_SPELLED = {"s3a": "s3", "gcs": "gs"}


def is_url(named: str) -> bool:
    """Whether a runs folder's name is a URL, and no path."""
    return "://" in named


def checked_url(named: str) -> str:
    """A runs folder's URL, without a slash at its end.

    Raises:
        SpecError: nothing can be kept there, or the package that reaches it is not installed.
    """
    parts = urlsplit(named)
    scheme = _SPELLED.get(parts.scheme, parts.scheme)
    if scheme not in _PACKAGES and scheme not in _BUILT_IN:
        raise SpecError(
            f"runs are kept in a folder, or at a URL that begins with s3:// or gs://; got {scheme}://"
            f"{nearest(scheme, list(_PACKAGES))}"
        )
    if "@" in parts.netloc:
        raise SpecError(f"the URL of a runs folder must hold no password; give {scheme}:// credentials in its own way")
    if parts.query or parts.fragment:
        raise SpecError(
            f"{named}: a runs folder's URL has no part behind ? or #; set AWS_ENDPOINT_URL to name another S3 server"
        )
    if scheme in _PACKAGES and not parts.netloc:
        raise SpecError(f"{named} names no bucket: write {scheme}://BUCKET/FOLDER")
    package = _PACKAGES.get(scheme)
    if package is not None and importlib.util.find_spec(package) is None:
        raise SpecError(
            f"{scheme}:// needs the package {package}, which is not installed: "
            f"pip install --constraint constraints.txt --editable '.[{scheme}]'"
        )
    return f"{scheme}://{parts.netloc}{parts.path}".rstrip("/")
