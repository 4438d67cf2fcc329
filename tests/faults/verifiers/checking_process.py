"""A process that checks tokens without a pause: ``python -m tests.faults.verifiers.checking_process``.

The first line on its standard input says what it is (``Role``), each further one which tokens to check from then on
(``Order``). When the input is closed it writes every decision to ``Role.runs`` and ends. It prints one line when it is
ready. ``tests.faults.verifiers.fleet`` starts several of them.
"""

import asyncio
import base64
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec
from msgspec import Struct

from coatcheck.errors import AuthError
from coatcheck.model.principal import Principal
from tests.faults.verifiers.decisions import ACCEPTED, BROKEN, MISTAKEN, Recorder, now, save

AUDIENCE = "orders"
FORGED = -1
"""The number of tokens that nobody issued."""


class Role(Struct):
    """What a checker is. With ``url`` it is a Verifier of another service, which holds ``credential``; without, an
    application with the database of its environment. It looks at every token ``threads`` times every ``pause`` seconds.
    ``ahead`` is what its clock shows more than that of the others. ``forgeries`` is how many tokens with an unknown key
    it is shown every second."""

    name: str
    runs: str
    url: str = ""
    credential: str = ""
    policy: Literal["online", "deny", "accept"] = "online"
    pause: float = 0.01
    threads: int = 1
    ahead: float = 0.0
    forgeries: int = 0


class Token(Struct):
    """A token to check, and whose it is."""

    number: int
    text: str
    user: str


class Order(Struct):
    """What to check from now on, and what no longer."""

    add: list[Token] = []
    drop: list[int] = []


Check = Callable[[str], Principal]


def embedded(role: Role) -> tuple[Check, Callable[[], Any]]:
    """An application's own checks: from memory, and over its event loop when memory can't tell."""
    from coatcheck.auth import Auth
    from coatcheck.checking.doubt import Doubt
    from coatcheck.cli.environment import settings_from

    auth = Auth(settings_from(os.environ), name=role.name)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    def check(text: str) -> Principal:
        decided = auth.checker.check(text.encode(), audience=AUDIENCE)
        if isinstance(decided, Doubt):
            decided = wait_for(auth.recall(text.encode(), audience=AUDIENCE))
        return decided.principal

    def close() -> None:
        wait_for(auth.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    wait_for(auth.start())
    return check, close


def remote(role: Role) -> tuple[Check, Callable[[], Any]]:
    """Another service's checks."""
    from coatcheck.verify import Verifier

    verifier = Verifier(role.url, audience=AUDIENCE, credential=role.credential, policy=role.policy, name=role.name)
    verifier.start()
    for _ in range(300):
        if verifier.state.fresh:
            break
        time.sleep(0.1)
    return verifier.check, verifier.close


class Checking:
    """Threads that check all tokens again and again."""

    def __init__(self, role: Role, check: Check) -> None:
        self._role = role
        self._check = check
        self._tokens: dict[int, Token] = {}
        self._is_over = threading.Event()
        self._noting = threading.Lock()
        self._recorders = [Recorder(role.name, ahead=role.ahead) for _ in range(role.threads)]
        self._threads = [threading.Thread(target=self._decide, args=(each,)) for each in self._recorders]
        if role.forgeries:
            self._recorders.append(Recorder(role.name, ahead=role.ahead))
            self._threads.append(threading.Thread(target=self._refuse, args=(self._recorders[-1],)))
        for thread in self._threads:
            thread.start()

    def obey(self, order: Order) -> None:
        """Check what is asked for."""
        tokens = {number: token for number, token in self._tokens.items() if number not in order.drop}
        self._tokens = {**tokens, **{token.number: token for token in order.add}}

    def end(self) -> None:
        """Stop, and write down what was decided."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        save(self._role.runs, [run for recorder in self._recorders for run in recorder.runs()])

    def _decide(self, recorder: Recorder) -> None:
        while not self._is_over.wait(self._role.pause):
            for token in self._tokens.values():
                began = now()
                said = self._say(token)
                recorder.note(token.number, said, began, now())
                if self._is_over.is_set():
                    break

    def _refuse(self, recorder: Recorder) -> None:
        """Forged tokens, each with another key, as many as are wanted, in as many threads as are needed."""
        with ThreadPoolExecutor(32) as pool:
            while not self._is_over.wait(1 / self._role.forgeries):
                pool.submit(self._refuse_one, recorder)

    def _refuse_one(self, recorder: Recorder) -> None:
        known = next(iter(self._tokens.values()), None)
        if known is not None:
            began = now()
            said = self._say(Token(FORGED, with_another_key(known.text), "nobody"))
            with self._noting:
                recorder.note(FORGED, said, began, now())

    def _say(self, token: Token) -> str:
        try:
            who = self._check(token.text)
        except AuthError as refused:
            return refused.code
        except Exception as fault:  # noqa: BLE001 - whatever else it is, the judge is told
            return f"{BROKEN}{type(fault).__name__}: {fault}"
        return ACCEPTED if who.user_id == token.user else MISTAKEN


def with_another_key(token: str) -> str:
    """The same token as if an unknown key had signed it."""
    _, rest = token.split(".", 1)
    header = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": f"key_{secrets.token_hex(13)}"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode() + "." + rest


def main() -> None:
    """Check until the standard input is closed."""
    role = msgspec.json.decode(sys.stdin.readline(), type=Role)
    check, close = remote(role) if role.url else embedded(role)
    checking = Checking(role, check)
    print("ready", flush=True)
    orders = msgspec.json.Decoder(Order)
    for line in sys.stdin:
        checking.obey(orders.decode(line))
    checking.end()
    close()


if __name__ == "__main__":
    main()
