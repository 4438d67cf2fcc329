"""Several processes as one: what they have counted is added up, and the dead take nothing with them."""

from collections.abc import Hashable

from coatcheck.histogram import Histogram
from coatcheck.metrics.families import BY_NAME, Kind
from coatcheck.metrics.reading import Reading, Timing, Value


class Together:
    """Adds up the readings of processes that come and go.

    What a process had counted when it was last read stays in the sums after its end, so no counter goes backwards. Its
    gauges go with it.
    """

    def __init__(self) -> None:
        self._living: dict[Hashable, tuple[str, Reading]] = {}
        self._departed: Reading = Reading()

    def take(self, process: Hashable, worker: str, reading: Reading) -> None:
        """The newest reading of a process, whose place among them is ``worker``."""
        self._living[process] = worker, reading

    def depart(self, process: Hashable) -> None:
        """A process has ended."""
        if process in self._living:
            _, last = self._living.pop(process)
            values = tuple(value for value in last.values if BY_NAME[value.name].kind is Kind.COUNTER)
            self._departed = _added([("", self._departed), ("", Reading(values, last.timings))])

    def total(self) -> Reading:
        """All of them, the departed too. Gauges that can't be added have the worker as their last label."""
        return _added([("", self._departed), *self._living.values()])


def alone(reading: Reading) -> Reading:
    """One process as all there is."""
    return _added([("1", reading)])


def _added(readings: list[tuple[str, Reading]]) -> Reading:
    values: dict[tuple[str, tuple[str, ...]], float] = {}
    timings: dict[tuple[str, tuple[str, ...]], Histogram] = {}
    for worker, reading in readings:
        for value in reading.values:
            if BY_NAME[value.name].by_worker:
                values[value.name, (*value.labels, worker)] = value.number  # of two in one place, the newer one's
            else:
                at = value.name, value.labels
                values[at] = values.get(at, 0.0) + value.number
        for timing in reading.timings:
            at = timing.name, timing.labels
            timings[at] = timings.get(at, Histogram()).plus(timing.taken)
    return Reading(
        tuple(Value(name, labels, number) for (name, labels), number in values.items()),
        tuple(Timing(name, labels, taken) for (name, labels), taken in timings.items()),
    )
