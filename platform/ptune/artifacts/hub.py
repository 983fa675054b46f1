"""Exported prompts on the Hugging Face Hub: a repository is the folder of one export."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ptune.artifacts.checksums import CARD, CHECKSUMS, listed
from ptune.backbone.hub import HOW_TO_SIGN_IN, asking_hub
from ptune.errors import HubError, SpecError
from ptune.spec.prompt_uri import HUB, is_uri

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_WHEREVER = {CARD, CHECKSUMS, ".gitattributes", ".gitignore", "LICENSE", "LICENSE.txt", "LICENSE.md"}
"""What any repository may hold beside an export."""


@dataclass(frozen=True)
class HubTarget:
    """Where an export is pushed to.

    Attributes:
        repo: the repository, `ORG/NAME`.
        private: whether a repository that is made for it is private; one that exists stays as it is.
        revision: the branch; None is `main`. One that does not exist is made.
        message: of the commit; None says what is pushed.
    """

    repo: str
    private: bool = True
    revision: str | None = None
    message: str | None = None

    def check(self) -> None:
        """Check, before anything is exported, that somebody known can push there.

        Raises:
            SpecError: the name is none of a repository.
            HubError: the network is switched off, there is no token, the Hub does not know it, or does not answer.
        """
        from huggingface_hub import HfApi, constants, get_token

        if not _REPO.fullmatch(self.repo):
            raise SpecError(f"--push names a repository as ORG/NAME, got {self.repo!r}")
        if constants.HF_HUB_OFFLINE:
            raise HubError(
                f"{self.repo} cannot be pushed, because HF_HUB_OFFLINE says not to use the network: unset it"
            )
        with _pushing(self.repo):
            if get_token() is None:
                raise HubError(f"there is no token: {HOW_TO_SIGN_IN}")
            with asking_hub():
                HfApi().whoami()

    def push(self, folder: Path, what: str) -> str:
        """Commit the folder of an export; return the address of the commit.

        Files of an export that was there before and that this one lacks are deleted in the same commit.

        Args:
            folder: the folder.
            what: what it holds, for the commit's message.

        Raises:
            HubError: the Hub cannot be reached or refuses, or the repository holds other things than an export.
        """
        from huggingface_hub import HfApi

        api = HfApi()
        with _pushing(self.repo):
            with asking_hub():
                api.create_repo(self.repo, private=self.private, exist_ok=True)
                if self.revision is not None:
                    api.create_branch(self.repo, branch=self.revision, exist_ok=True)
            old = self._replaceable(api)
            with asking_hub():
                commit = api.upload_folder(
                    repo_id=self.repo,
                    folder_path=folder,
                    revision=self.revision,
                    commit_message=self.message or what,
                    delete_patterns=old or None,
                )
        return str(commit.commit_url)

    def _replaceable(self, api: HfApi) -> list[str]:
        """The files of an export that the repository holds already.

        Raises:
            HubError: it holds other things, too.
        """
        with asking_hub(), tempfile.TemporaryDirectory() as scratch:
            held = set(api.list_repo_files(self.repo, revision=self.revision))
            old: list[str] = []
            if CHECKSUMS in held:
                api.hf_hub_download(self.repo, CHECKSUMS, revision=self.revision, local_dir=scratch)
                old = [name for name in listed(Path(scratch)) if name in held]
        if foreign := sorted(held - _WHEREVER - set(old)):
            shown = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
            raise HubError(f"it holds other things than an export ({shown}); name a repository that does not exist")
        return old


class _pushing:  # noqa: N801 - used as a function
    """Say which repository was not pushed."""

    def __init__(self, repo: str) -> None:
        self._repo = repo

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Put the repository's name before a refusal."""
        if isinstance(error, HubError):
            raise HubError(f"{self._repo} is not pushed: {error}") from error


def fetched(name: str | os.PathLike[str]) -> Path:
    """The folder of a prompt: what `hub:ORG/NAME` names is fetched into the Hub's cache, anything else is a folder.

    Raises:
        HubError: the Hub has no such repository, cannot be reached, or refuses.
        SpecError: what follows `hub:` is no name of a repository, or the prompt lies in MLflow.
    """
    text = os.fspath(name)
    if not text.startswith(HUB):
        if is_uri(text):
            raise SpecError(f"{text} lies in MLflow; `ptune export {text} --to DIR` brings it to a folder")
        return Path(text)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    repo, _, revision = text.removeprefix(HUB).partition("@")
    try:
        with asking_hub():
            return Path(snapshot_download(repo, revision=revision or None))
    except HFValidationError:
        raise SpecError(f"a prompt on the Hub is named {HUB}ORG/NAME, got {text!r}") from None
    except HubError as error:
        raise HubError(f"{text} cannot be fetched from the Hub: {error}") from error
