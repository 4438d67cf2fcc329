"""What an installation does while its disk is full: run by a test, in a small file system of its own."""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from coatcheck import Auth, Settings
from coatcheck.errors import AuthError, StoreUnavailable
from coatcheck.model.session import Carry
from coatcheck.testing import ManualClock, fast_passwords, login_as


async def main(folder: Path) -> None:
    """Print what each step came to."""
    clock = ManualClock()
    async with Auth(Settings(database=f"sqlite:///{folder}/app.db", passwords=fast_passwords()), clock=clock) as auth:
        logins = [await login_as(auth, f"{name}@example.com", carry=Carry.HEADER) for name in ("ann", "ben")]
        tokens = [login.headers["authorization"].removeprefix("Bearer ") for login in logins]
        with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1024))
        ended = 0
        try:
            while ended < 1_000:
                await auth.logout_everywhere(logins[0].user.id)
                await login_as(auth, "ann@example.com")
                ended += 1
        except StoreUnavailable as refusal:
            print("writing", refusal.code)
        print("under the lease", await outcome(auth, tokens[1]))
        clock.advance(timedelta(seconds=30))
        print("without it", await outcome(auth, tokens[1]))
        (folder / "ballast").unlink()
        await auth.logout_everywhere(logins[1].user.id)
        print("with room", await outcome(auth, tokens[1]))


async def outcome(auth: Auth, token: str) -> str:
    """What a check says."""
    try:
        await auth.check(token)
    except AuthError as refusal:
        return refusal.code
    return "passes"


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
