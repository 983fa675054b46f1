"""`ptune serve`: prompts behind HTTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path

import click

from ptune.errors import SpecError
from ptune.report.said import say

_INSIDE = "artifact"  # the folder of a search that holds its best prompt


@click.command(short_help="Answer over HTTP with exported prompts.")
@click.argument("folders", nargs=-1, required=True, metavar="[NAME=]DIR...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 is a free one."
)
@click.option(
    "--queue",
    "room",
    default=1024,
    show_default=True,
    type=click.IntRange(min=1),
    help="Inputs that may wait; a request beyond them is answered 503.",
)
@click.option("--backbone", help="Folder or Hub id of the backbone, if it has moved since training.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.pass_obj
def serve(
    owns_process: bool | None,
    folders: tuple[str, ...],
    host: str,
    port: int,
    room: int,
    backbone: str | None,
    device: str,
) -> int:
    """Serve the artifacts in the folders DIR over HTTP, on one backbone, until Ctrl-C.

    Requests that wait are answered together, also those to different prompts. A prompt is asked at
    /prompts/NAME/invocations. NAME is the folder's name, or its parent's if the folder is called `artifact`. The
    protocol is that of MLflow's scoring server.

    \b
    ptune serve ptune_runs/quickstart/artifact
    ptune serve sentiment topic spam=exports/3 --port 8001
    """
    named = names(folders)
    from ptune.run.interrupts import interrupts
    from ptune.serving.server import address, bound
    from ptune.serving.server import serve as run

    listener = bound(host, port)
    if not _is_loopback(host):
        say(
            f"{host} can be reached from other machines, and whoever reaches it may ask: put a proxy that checks who "
            "asks before it, or stay on 127.0.0.1 and let others in by an SSH tunnel",
            err=True,
        )
    if owns_process:
        from ptune.backbone.lean_imports import import_leanly

        import_leanly()
    from ptune.serving.app import build_app
    from ptune.serving.catalogue import Catalogue

    app = build_app(Catalogue.load(named, backbone, device), room)
    known = ", ".join(named)

    def ready() -> None:
        say(f"{known} on {address(listener)} (Ctrl-C ends it)")

    with interrupts():
        run(app, listener, ready)
    say("ended")
    return 0


def names(folders: Sequence[str]) -> dict[str, Path]:
    """The artifacts' folders by the names under which they are asked.

    Raises:
        SpecError: two have the same name, or a name cannot stand in an address.
    """
    named: dict[str, Path] = {}
    for word in folders:
        name, separator, rest = word.partition("=")
        folder = Path(rest if separator else word)
        if not separator:
            own = folder.resolve()
            name = own.parent.name if own.name == _INSIDE else own.name
        if not name or "/" in name:
            raise SpecError(f"{word}: a name must not be empty or hold '/'; write NAME=DIR")
        if name in named:
            raise SpecError(f"{named[name]} and {folder} would both be called {name!r}; write NAME=DIR for one of them")
        named[name] = folder
    return named


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
