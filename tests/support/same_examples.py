"""How hypothesis makes examples here."""

from hypothesis import HealthCheck, settings


def examples(number: int) -> settings:
    """The same examples in every run, whatever else the machine does."""
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
