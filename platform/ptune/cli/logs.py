"""`ptune logs`."""

import click


@click.command()
def logs() -> None:
    """Logs."""
