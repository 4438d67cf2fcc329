"""Asking for metrics as Prometheus does, and reading the answer with its own parser."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from coatcheck.auth import Auth
from coatcheck.metrics import Metrics
from coatcheck.settings import Settings
from coatcheck.stores.port import Store
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.web.api import routes
from tests.site import SECRET, URL, Site


class Samples(dict[tuple[str, tuple[tuple[str, str], ...]], float]):
    """Every sample of an answer, by name and labels."""

    def of(self, name: str, **labels: str) -> float:
        """One sample; 0 when it is not there, as a query would sum it."""
        return self.get((name, tuple(sorted(labels.items()))), 0.0)

    def names(self) -> set[str]:
        """Every name."""
        return {name for name, _ in self}

    def label_values(self) -> Iterator[str]:
        """Every value of every label."""
        return (value for _, labels in self for _, value in labels)


def parsed(text: str) -> Samples:
    """Read an answer. A sample that stands there twice is a fault: Prometheus would refuse all of it."""
    samples = Samples()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            at = sample.name, tuple(sorted(sample.labels.items()))
            assert at not in samples, at
            samples[at] = sample.value
    return samples


@dataclass
class Measured:
    """A site and its metrics."""

    site: Site
    metrics: Metrics

    async def samples(self) -> Samples:
        """Ask."""
        transport = httpx2.ASGITransport(self.metrics)
        async with httpx2.AsyncClient(transport=transport, base_url="http://metrics") as client:
            answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        return parsed(answer.text)


@asynccontextmanager
async def measured(store: Store | None = None, **settings: Any) -> AsyncIterator[Measured]:
    """Start a site that is measured."""
    clock = ManualClock()
    chosen = {"database": "memory:", "url": URL, "secrets": (SECRET,), "passwords": fast_passwords(), **settings}
    auth = Auth(Settings(**chosen), store=store, clock=clock, name="this test")
    metrics = Metrics(auth)
    site = Site(auth, clock, Starlette(routes=routes(auth)))
    async with auth:
        yield Measured(site, metrics)
        for client in site.clients:
            await client.aclose()
