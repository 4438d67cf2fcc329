"""A reading as text that Prometheus understands. The only place that knows ``prometheus_client``."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from coatcheck.histogram import BOUNDS
from coatcheck.metrics.families import FAMILIES, Family, Kind
from coatcheck.metrics.reading import Reading, Timing, Value

_VERSION: Final = re.compile(r"version=[0-9]{1,3}(\.[0-9]{1,3}){0,2}", re.ASCII)


def written(reading: Reading, accepted: str = "", also: CollectorRegistry | None = None) -> tuple[bytes, str]:
    """The text and its content type, in the first newer format that ``accepted`` (the header ``Accept``) names, or else
    in the plain one. A format whose version is none counts as not named.

    ``also`` is a registry with metrics of the application's own, which come first.
    """
    registry = CollectorRegistry(auto_describe=False)
    if also is not None:
        registry.register(_Of(also))
    registry.register(_Families(reading))
    # What is no version makes it raise; and the content type repeats it.
    encoder, content_type = choose_encoder(",".join(filter(_is_readable, accepted.split(","))))
    return encoder(registry), content_type


def _is_readable(media_range: str) -> bool:
    parameters = (each.strip() for each in media_range.split(";")[1:])
    return all(_VERSION.fullmatch(each) for each in parameters if each.startswith("version="))


class _Of(Collector):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        yield from self._registry.collect()


class _Families(Collector):
    def __init__(self, reading: Reading) -> None:
        self._values: defaultdict[str, list[Value]] = defaultdict(list)
        self._timings: defaultdict[str, list[Timing]] = defaultdict(list)
        for value in reading.values:
            self._values[value.name].append(value)
        for timing in reading.timings:
            self._timings[timing.name].append(timing)

    def collect(self) -> Iterator[Metric]:
        """Every family that has a number."""
        for family in FAMILIES:
            if family.name in self._timings:
                yield _histogram(family, self._timings[family.name])
            elif family.name in self._values:
                yield _numbers(family, self._values[family.name])


def _numbers(family: Family, values: list[Value]) -> Metric:
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.says, labels=family.labels)
    for value in values:
        metric.add_metric(value.labels, value.number)
    return metric


def _histogram(family: Family, timings: list[Timing]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.says, labels=family.labels)
    bounds = [*map(str, BOUNDS), "+Inf"]
    for timing in timings:
        metric.add_metric(
            timing.labels, list(zip(bounds, accumulate(timing.taken.buckets), strict=True)), timing.taken.sum
        )
    return metric
