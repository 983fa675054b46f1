"""`ptune convert`: a backbone whose weights are pickles, as one that ptune loads."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from ptune.errors import SpecError
from ptune.report.said import say


@click.command(short_help="Write a backbone's pytorch_model.bin as safetensors.")
@click.argument("source")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--revision", metavar="REV", help="Branch, tag or commit of a Hub id.")
def convert(source: str, target: Path, revision: str | None) -> None:
    """Copy the backbone SOURCE, a folder or a Hub id, to the new folder DIR, with its weights as safetensors.

    Older backbones hold their weights in pytorch_model.bin, a pickle, which may run code when it is loaded. ptune loads
    no such file. This command reads it in a process of its own that makes tensors and nothing else, and refuses a file
    that asks for more. Config and tokenizer are copied.

    \b
    ptune convert vinai/phobert-base phobert
    ptune convert downloads/my-bert my-bert
    """
    from ptune.artifacts.drafts import draft_of
    from ptune.backbone.convert import convert as convert_to
    from ptune.report.wording import plural

    _check_paths(source, target)
    with ExitStack() as stack:
        try:
            draft = stack.enter_context(draft_of(target))
        except OSError as error:
            raise SpecError(f"{target} cannot be written: {error.strerror}") from None
        converted = convert_to(source, draft, revision)
    profile, weights = converted.profile, converted.weights
    size = f"{plural(weights.tensors, 'tensor')}, {weights.bytes / 1e6:.3g} MB"
    say(f"converted  {', '.join(converted.pickles)} -> {', '.join(weights.files)}: {size}")
    if weights.tied:
        others = ", ".join(sorted(set(weights.tied.values())))
        say(f"left out   {', '.join(weights.tied)}: loading ties them to {others}")
    say(f"copied     {', '.join(converted.copied)}")
    kind = f"{profile.model_type} with {plural(profile.layers, 'layer')}"
    say(f'{target} is a {kind}; jobs name it: id = "{target.resolve()}"')


def _check_paths(source: str, target: Path) -> None:
    """Check what can be known of two paths before anything is read.

    Raises:
        SpecError: no file system takes one, or the target is there already, or its folder is not.
    """
    from ptune.spec.texts import path_law

    for law in filter(None, map(path_law, (source, str(target)))):
        raise SpecError(law)
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise SpecError(f"{target}: exists, and is not replaced")
    if not target.parent.is_dir():
        raise SpecError(f"{target}: there is no folder {target.parent}")
