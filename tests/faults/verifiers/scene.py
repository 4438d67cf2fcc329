"""A server, a proxy that breaks things before it, checkers, a crowd, and the judge of what happened.

with Scene(folder, lease=1.0, seed=1) as scene:
    scene.start(verifiers=("online", "deny"))
    with scene.fault("black hole", black_hole=True):
        time.sleep(3)
    verdict = scene.end()
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.faults.proxying import ChaosProxy
from tests.faults.verifiers.checking_process import AUDIENCE, FORGED
from tests.faults.verifiers.clocks import SteppedClock
from tests.faults.verifiers.crowd import Crowd
from tests.faults.verifiers.decisions import now
from tests.faults.verifiers.fleet import Checker, Fleet
from tests.faults.verifiers.judging import HEALS_WITHIN, Fault, Issued, Story, Verdict, judge, keep, spilled
from tests.serving import Serving, free_port

DRIFT = 0.1


class Scene:
    """Everything that runs, in ``folder``. ``bound`` is W in seconds.

    Verifiers reach the server through ``proxy`` (or, with ``host``, directly at that address), the crowd without it.
    ``clock`` is the server's, ``lax`` names verifiers under the ``accept`` policy. ``settings`` are further ones of
    the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lease: float,
        seed: int,
        workers: int = 2,
        endings: float = 5.0,
        host: str = "",
        clock: SteppedClock | None = None,
        lax: tuple[str, ...] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.bound = lease * (1 + DRIFT) / (1 - DRIFT)
        self.faults: list[Fault] = []
        self._folder = folder
        self._seed = seed
        self._lax = lax
        self._resources = ExitStack()
        port = free_port()
        self.serving = Serving(
            folder,
            workers,
            host or "127.0.0.1",
            COATCHECK_REVOCATION_LEASE=f"{round(lease * 1000)}ms",
            COATCHECK_TOKENS_AUDIENCES=AUDIENCE,
            **settings,
        )
        self.url = f"http://localhost:{self.serving.port if host else port}"
        self.serving.environment["COATCHECK_URL"] = self.url
        self._environment = dict(self.serving.environment)
        if clock is not None:
            self.serving.environment |= clock.environment
        self.proxy: ChaosProxy | None = None
        if not host:
            self.proxy = ChaosProxy(f"127.0.0.1:{self.serving.port}", seed=seed, port=port)
        self.fleet = Fleet()
        self.crowd = Crowd(self.serving, self.fleet, bound=self.bound, seed=seed, endings=endings, lax=lax, clock=clock)

    def __enter__(self) -> "Scene":
        with ExitStack() as entered:
            if self.proxy is not None:
                entered.enter_context(self.proxy)
            entered.enter_context(self.serving)
            entered.enter_context(self.fleet)
            self._resources = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def start(self, *checkers: Checker) -> None:
        """Let the checkers check and the crowd live."""
        self.fleet.add(*checkers)
        self.crowd.begin()

    def embedded(
        self, name: str, prefix: tuple[str, ...] = (), clock: SteppedClock | None = None, **role: Any
    ) -> Checker:
        """An application with the database."""
        environment = self._environment | (clock.environment if clock else {})
        return Checker(self._folder, name, environment, prefix, **role)

    def verifier(
        self, name: str, prefix: tuple[str, ...] = (), clock: SteppedClock | None = None, **role: Any
    ) -> Checker:
        """Another service."""
        role = {"url": self.url, "credential": self.crowd.make_service(name), **role}
        plain = {key: value for key, value in self._environment.items() if "COATCHECK" not in key}
        return Checker(self._folder, name, plain | (clock.environment if clock else {}), prefix, **role)

    @contextmanager
    def fault(
        self,
        kind: str,
        *checkers: Checker,
        on: AbstractContextManager[Any] | None = None,
        step: float = 0.0,
        server_step: float = 0.0,
        heals_within: float = HEALS_WITHIN,
        silent: bool = False,
        **broken: Any,
    ) -> Iterator[Any]:
        """Something is broken until the block ends: ``on``, or what the proxy is told (``judging.Fault``)."""
        names = tuple(checker.name for checker in checkers)
        fault = Fault(kind, now(), float("inf"), names, step, heals_within, server_step)
        self.faults.append(fault)
        if on is None:
            assert self.proxy is not None
            on = self.proxy.broken(**broken)
        with on as made:
            if silent:
                fault.silent_since = now()
            yield made
            fault.silent_until = now()
        fault.ended = now()

    def end(self) -> Verdict:
        """End the crowd and the checkers, and judge. Raises AssertionError naming violations."""
        self.crowd.end()
        runs = self.fleet.end()
        outputs = [self.serving.output, *(checker.output for checker in self.fleet.checkers)]
        issued = [*self.crowd.issued, Issued(FORGED, "nobody", 0.0, 0.0)]
        story = Story(self.bound, issued, self.crowd.ended, self.faults, runs, self._lax, self._seed)
        verdict = judge(story)
        verdict.violations += self.crowd.history.violations
        verdict.violations += [f"I7: {found}" for found in spilled(outputs, self.crowd.secrets)]
        if verdict.violations:
            keep(story, self._folder / "story")
        assert not verdict.violations, "\n".join([f"seed {self._seed}", *verdict.violations[:20]])
        return verdict
