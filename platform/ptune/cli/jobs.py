"""`ptune jobs`."""

import click


@click.command()
def jobs() -> None:
    """Jobs."""
