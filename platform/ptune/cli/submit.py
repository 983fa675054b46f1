"""`ptune submit`."""

import click


@click.command()
def submit() -> None:
    """Submit."""
