"""`ptune stop`."""

import click


@click.command()
def stop() -> None:
    """Stop."""
