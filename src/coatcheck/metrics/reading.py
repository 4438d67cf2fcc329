"""Numbers on their way from where they were counted to where they are told."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from coatcheck.histogram import Histogram


class Value(Struct, frozen=True):
    """One number of the metric ``name``. ``labels`` are values in the family's order, without that of the worker."""

    name: str
    labels: tuple[str, ...]
    number: float


class Timing(Struct, frozen=True):
    """One histogram of the metric ``name``."""

    name: str
    labels: tuple[str, ...]
    taken: Histogram


class Reading(Struct, frozen=True):
    """What was read at one moment."""

    values: tuple[Value, ...] = ()
    timings: tuple[Timing, ...] = ()

    def plus(self, other: "Reading") -> "Reading":
        """All that both say; what both say stands there twice."""
        return Reading((*self.values, *other.values), (*self.timings, *other.timings))


def labelled(name: str, numbers: Iterable[tuple[tuple[str, ...], float]]) -> Iterator[Value]:
    """Values of one metric."""
    return (Value(name, labels, float(number)) for labels, number in numbers)
