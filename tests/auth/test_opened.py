"""What an Auth works with is there from ``open`` or ``start`` until ``stop``, and all of it or nothing."""

from collections.abc import Callable

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import Misconfigured

PARTS: tuple[Callable[[Auth], object], ...] = (
    lambda auth: auth.parts.running,
    lambda auth: auth.parts.ready,
    lambda auth: auth.parts.secrets,
    lambda auth: auth.parts.authority,
    lambda auth: auth.checker,
    lambda auth: auth.live,
)
SETTINGS = Settings(database="memory:", secrets=("a secret of this test, longer than thirty-two characters",))


def require_closed(auth: Auth) -> None:
    assert not auth.parts
    for part in PARTS:
        with pytest.raises(Misconfigured, match="not open"):
            part(auth)


@pytest.mark.anyio
@pytest.mark.parametrize("begin", [Auth.open, Auth.start], ids=["open", "start"])
async def test_every_part_is_there_until_it_is_stopped(begin: Callable[[Auth], object]) -> None:
    auth = Auth(SETTINGS)
    require_closed(auth)
    for _ in range(2):
        await begin(auth)  # type: ignore[misc]
        assert auth.parts
        assert None not in [part(auth) for part in PARTS]
        await auth.stop()
        require_closed(auth)
