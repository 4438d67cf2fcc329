"""What somebody does in one call, who holds what before it, and what must be true after it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from coatcheck import Auth, Settings
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.model.principal import Principal
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords
from tests.serving import PASSWORD, SECRET

EMAIL = "ann@example.com"
NEW = "five loud herons walk out"
CLIENT = Client(address="192.0.2.7", device="a test")


def auth_over(database: str) -> Auth:
    """An installation over ``database``."""
    return Auth(Settings(database=database, secrets=(SECRET,), passwords=fast_passwords()))


@dataclass(frozen=True)
class Device:
    """What one of a person's devices holds since it logged in."""

    token: str
    refresh_token: str
    who: Principal


@dataclass(frozen=True)
class Scene:
    """A person who is logged in on three devices: two hold tokens, one a session token."""

    user_id: str
    phone: Device
    laptop: Device
    tablet: Device

    @property
    def devices(self) -> dict[str, Device]:
        """By name."""
        return {"phone": self.phone, "laptop": self.laptop, "tablet": self.tablet}


async def set_the_scene(auth: Auth) -> Scene:
    """Register the person, and log in with each device."""
    user = await auth.create_user(EMAIL, PASSWORD)
    carries = (Carry.TOKENS, Carry.TOKENS, Carry.HEADER)
    return Scene(user.id, *[await _device(auth, carry) for carry in carries])


async def _device(auth: Auth, carry: Carry) -> Device:
    login = await auth.login(EMAIL, PASSWORD, carry=carry, client=CLIENT)
    token = token_of(login)
    return Device(token, login.credentials.refresh_token or "", await auth.check(token))


def token_of(login: Login) -> str:
    """What a check is shown after this login."""
    token = login.credentials.access_token or login.credentials.session_token
    assert token is not None
    return token


@dataclass(frozen=True)
class Deed:
    """``does`` it and returns what the client gets. Afterwards the devices named in ``ends`` are refused with what they
    held, and ``password`` opens the account. What ``rotates`` gives the same again when it is repeated."""

    name: str
    does: Callable[[Auth, Scene], Awaitable[Login | None]]
    ends: frozenset[str] = frozenset()
    password: str = PASSWORD
    rotates: bool = False


async def log_in(auth: Auth, scene: Scene) -> Login:
    """On a fourth device."""
    return await auth.login(EMAIL, PASSWORD, carry=Carry.TOKENS, client=CLIENT)


async def log_in_again(auth: Auth, scene: Scene) -> Login:
    """On the laptop, whose session so far ends with it."""
    replaced = scene.laptop.who.session_id
    return await auth.login(EMAIL, PASSWORD, carry=Carry.TOKENS, client=CLIENT, replaces=replaced)


async def refresh(auth: Auth, scene: Scene) -> Login:
    """Exchange the phone's refresh token."""
    return await auth.refresh(scene.phone.refresh_token, client=CLIENT)


async def log_out(auth: Auth, scene: Scene) -> None:
    """Of the laptop."""
    await auth.logout(scene.laptop.who, client=CLIENT)


async def log_out_and_wait(auth: Auth, scene: Scene) -> None:
    """Of the laptop, with a receipt."""
    await auth.logout(scene.laptop.who, client=CLIENT, wait=True)


async def log_out_everywhere(auth: Auth, scene: Scene) -> None:
    """Of all three."""
    await auth.logout_everywhere(scene.user_id, actor_id=scene.user_id, client=CLIENT)


async def change_password(auth: Auth, scene: Scene) -> Login:
    """On the phone, which gets other credentials; the others are logged out."""
    return await auth.change_password(scene.phone.who, current=PASSWORD, new=NEW, client=CLIENT)


async def set_password(auth: Auth, scene: Scene) -> None:
    """As an administrator does."""
    await auth.set_password(scene.user_id, NEW, actor_id="usr_administrator", client=CLIENT)


EVERYTHING = frozenset(("phone", "laptop", "tablet"))
DEEDS = (
    Deed("login", log_in),
    Deed("login that replaces another", log_in_again, ends=frozenset(("laptop",))),
    Deed("refresh", refresh, rotates=True),
    Deed("logout", log_out, ends=frozenset(("laptop",))),
    Deed("logout with a receipt", log_out_and_wait, ends=frozenset(("laptop",))),
    Deed("logout everywhere", log_out_everywhere, ends=EVERYTHING),
    Deed("password change", change_password, ends=EVERYTHING, password=NEW),
    Deed("password set by an administrator", set_password, ends=EVERYTHING, password=NEW),
)
