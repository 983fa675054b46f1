"""What the client of the Hugging Face Hub raises, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ptune.errors import HubError

HOW_TO_SIGN_IN = "set HF_TOKEN to a token of https://huggingface.co/settings/tokens, or run `hf auth login`"


@contextmanager
def asking_hub() -> Iterator[None]:
    """Turn what the client raises, while it asks the Hub, into a `HubError` of one line; names it refuses pass through.

    Raises:
        HubError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except (HFValidationError, HubError):
        raise
    except Exception as error:  # the client also raises errors of the HTTP library it happens to be built on
        raise HubError(_reason(error)) from error


def _reason(error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        IncompleteSnapshotError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, LocalTokenNotFoundError):
        return f"the Hub asks who you are, and there is no token: {HOW_TO_SIGN_IN}"
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{error.repo_id}"
        return f"the repository is gated: accept its terms at {page}, then {HOW_TO_SIGN_IN}"
    if isinstance(error, RepositoryNotFoundError):
        return f"the Hub has no such repository, or does not let you see it; if it is private, {HOW_TO_SIGN_IN}"
    if isinstance(error, RevisionNotFoundError):
        return "the Hub has the repository, and no such revision of it; a revision is a branch, a tag or a commit"
    if isinstance(error, LocalEntryNotFoundError):
        lack = "a part of it" if isinstance(error, IncompleteSnapshotError) else "it"
        if constants.HF_HUB_OFFLINE:
            return f"HF_HUB_OFFLINE says not to use the network, and the cache lacks {lack}; fetch it once without that"
        return f"the network does not lead there ({_told(error.__cause__ or error)}), and the cache lacks {lack}"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status == 401:
        return f"the Hub does not know your token: {HOW_TO_SIGN_IN}"
    if status == 403:
        return f"your token lacks the right to do this; give it the right to write there, or {HOW_TO_SIGN_IN}"
    return _told(error)


def _told(error: BaseException) -> str:
    """The first line of what an error says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
