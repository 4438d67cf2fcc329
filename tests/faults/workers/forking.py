"""What the fork tests run: ``python -m tests.faults.workers.forking <case> <database>``.

Prints what was seen, line by line.
"""

import asyncio
import os
import sys

from coatcheck import Auth, Settings
from coatcheck.checking.doubt import Doubt
from coatcheck.errors import AuthError
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords, login_as

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def auth_for(database: str) -> Auth:
    return Auth(Settings(database=database, secrets=(SECRET,), passwords=fast_passwords()))


async def serve_in_child(auth: Auth, who: str) -> None:
    async with auth:
        login = await login_as(auth, f"{who}@example.com", carry=Carry.HEADER)
        token = login.headers["authorization"].removeprefix("Bearer ")
        await auth.check(token)
        receipt = await auth.end_session(login.user.id, login.session.id, wait=True)
        try:
            await auth.check(token)
            say(who, "accepted")
        except AuthError as refused:
            say(who, refused.code)
        assert receipt is not None
        assert not receipt.waited_out


def preload(database: str) -> None:
    """As a prefork server does that loads the application once: made before the fork, started after it, twice."""
    auth = auth_for(database)
    children = []
    for who in ("first", "second"):
        child = os.fork()
        if child == 0:
            asyncio.run(serve_in_child(auth, who))
            os._exit(0)
        children.append(child)
    say("codes", *(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


async def started_then_forked(database: str) -> None:
    """A fork with everything running: the child trusts nothing that the parent knew, and the parent goes on."""
    async with auth_for(database) as auth:
        login = await login_as(auth, carry=Carry.HEADER)
        token = login.headers["authorization"].removeprefix("Bearer ").encode()
        await auth.check(token)
        say("parent", "decides" if not isinstance(auth.checker.check(token), Doubt) else "asks")
        child = os.fork()
        if child == 0:
            say("child", "decides" if not isinstance(auth.checker.check(token), Doubt) else "asks")
            say("child", "trusted" if auth.checker.is_trusted() else "untrusted")
            os._exit(0)
        await asyncio.to_thread(os.waitpid, child, 0)
        say("parent", "decides" if not isinstance(auth.checker.check(token), Doubt) else "asks")
        receipt = await auth.end_session(login.user.id, login.session.id, wait=True)
        assert receipt is not None
        say("confirmed", len(receipt.confirmed), "waited", len(receipt.waited_out))


async def forked_follows_anew(database: str) -> None:
    """A child that goes on serving with what it inherited begins a loop of its own, and registers anew."""
    async with auth_for(database) as auth:
        login = await login_as(auth, carry=Carry.HEADER)
        token = login.headers["authorization"].removeprefix("Bearer ").encode()
        await auth.check(token)
        child = os.fork()
        if child == 0:
            asyncio._set_running_loop(None)
            asyncio.run(_in_the_child(database, token))
            os._exit(0)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        say("code", os.waitstatus_to_exitcode(status))


async def _in_the_child(database: str, token: bytes) -> None:
    async with auth_for(database) as auth:
        await auth.check(token)
        say("child", "decides" if not isinstance(auth.checker.check(token), Doubt) else "asks")
        say("registered", len(await auth.subscribers()))


if __name__ == "__main__":
    case, path = sys.argv[1:]
    if case == "preload":
        preload(path)
    else:
        asyncio.run({"started": started_then_forked, "anew": forked_follows_anew}[case](path))
