"""The engines that have a free slot, by how many leases each has: the emptiest is found at once, among any number."""

from __future__ import annotations


class FreeSlots:
    """Engines by number, in one bucket for each count of leases.

    Args:
        slots: slots of one engine.
    """

    def __init__(self, slots: int) -> None:
        self._buckets: list[dict[int, None]] = [{} for _ in range(slots)]
        self._leases: dict[int, int] = {}

    def put(self, engine: int, leases: int) -> None:
        """Note how many leases an engine has; one whose slots are all taken is left out."""
        self.drop(engine)
        if leases < len(self._buckets):
            self._buckets[leases][engine] = None
            self._leases[engine] = leases

    def drop(self, engine: int) -> None:
        """Leave an engine out, whatever is free on it."""
        if (leases := self._leases.pop(engine, None)) is not None:
            del self._buckets[leases][engine]

    @property
    def emptiest(self) -> int | None:
        """The engine with the fewest leases that was noted first; None when nothing is free."""
        return next((next(iter(bucket)) for bucket in self._buckets if bucket), None)
