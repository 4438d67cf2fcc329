"""``coatcheck token`` says of every token what the checker does with it, and why."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coatcheck.auth import Auth
from coatcheck.cli.tokens.form import TokenKind, form_of
from coatcheck.cli.tokens.verdict import ENDINGS
from coatcheck.clock import SystemClock, now_of
from coatcheck.errors import AuthError
from coatcheck.flows.logout import Scope
from coatcheck.model.key import KeyStatus
from coatcheck.model.login import Login
from coatcheck.model.service import ServiceStatus
from coatcheck.model.session import Carry, Ending
from coatcheck.settings import Settings, TokenSettings
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.tokens.opaque import digest
from tests.cli.conftest import CommandLine
from tests.serving import PASSWORD

REFRESH = TokenKind.REFRESH
ADDRESS = "ann@example.com"


class Before:
    """An installation in the past, whose clock moves on to now: what is explained afterwards happened there."""

    def __init__(self, folder: Path, ago: timedelta = timedelta(minutes=1)) -> None:
        self.clock = ManualClock(now_of(SystemClock()) - ago)
        self.settings = settings(folder)
        self.auth = Auth(self.settings, clock=self.clock)

    async def login(self, carry: Carry, **more: Any) -> Login:
        found = await self.auth.find_users(query=ADDRESS)
        if not found:
            return await self.auth.register(ADDRESS, PASSWORD, carry=carry, **more)
        return await self.auth.login(ADDRESS, PASSWORD, carry=carry, **more)


def settings(folder: Path) -> Settings:
    return Settings(
        database=f"sqlite:///{folder}/app.db",
        passwords=fast_passwords(),
        tokens=TokenSettings(audiences=("orders",)),
    )


def tokens_of(login: Login) -> list[str]:
    held = login.credentials
    return [each for each in (held.session_token, held.access_token, held.refresh_token) if each]


async def nothing(before: Before, login: Login) -> None: ...


async def logging_out(before: Before, login: Login) -> None:
    await before.auth.logout_named(login.session.id)


async def suspending(before: Before, login: Login) -> None:
    await before.auth.suspend(login.user.id)


async def deleting(before: Before, login: Login) -> None:
    await before.auth.delete_user(login.user.id)


async def changing_roles(before: Before, login: Login) -> None:
    await before.auth.set_roles(login.user.id, ("editor",))


async def setting_a_password(before: Before, login: Login) -> None:
    await before.auth.set_password(login.user.id, "four quiet cranes fly home")


async def compromising(before: Before, login: Login) -> None:
    await before.auth.mark_compromised(login.user.id, reason="phished")


async def ending_everything(before: Before, login: Login) -> None:
    await before.auth.end_everything(reason="a drill")


async def revoking_the_key(before: Before, login: Login) -> None:
    current = next(key for key in await before.auth.keys() if key.status is KeyStatus.CURRENT)
    await before.auth.revoke_key(current.kid, reason="leaked")


async def proving_the_password(before: Before, login: Login) -> None:
    token = login.credentials.session_token or login.credentials.access_token or ""
    await before.auth.reauthenticate(await before.auth.check(token), PASSWORD)
    before.clock.advance(timedelta(seconds=30))


async def logging_the_others_out(before: Before, login: Login) -> None:
    other = await before.login(Carry.TOKENS)
    await before.auth.logout(await before.auth.check(other.credentials.access_token or ""), scope=Scope.OTHERS)


async def proving_it_just_now(before: Before, login: Login) -> None:
    token = login.credentials.session_token or login.credentials.access_token or ""
    await before.auth.reauthenticate(await before.auth.check(token), PASSWORD)


async def using_it_just_now(before: Before, login: Login) -> None:
    if login.credentials.refresh_token:
        await before.auth.refresh(login.credentials.refresh_token)


async def renewing_it_just_now(before: Before, login: Login) -> None:
    if login.credentials.session_token:
        await before.auth.renew_cookie(login.session.id, digest(login.credentials.session_token.encode()))


async def renewing_it(before: Before, login: Login) -> None:
    await renewing_it_just_now(before, login)
    before.clock.advance(timedelta(seconds=30))


async def using_it_once(before: Before, login: Login) -> None:
    if login.credentials.refresh_token:
        await before.auth.refresh(login.credentials.refresh_token)
    before.clock.advance(timedelta(seconds=30))


MOMENT, QUARTER, EVENING, DAY = (
    timedelta(**span) for span in ({"minutes": 1}, {"minutes": 15}, {"hours": 3}, {"days": 1})
)
STORIES: list[tuple[Callable[[Before, Login], Awaitable[None]], timedelta]] = [
    *((story, MOMENT) for story in (nothing, logging_out, suspending, deleting, changing_roles, setting_a_password)),
    *((story, MOMENT) for story in (compromising, ending_everything, revoking_the_key, proving_the_password)),
    *((story, MOMENT) for story in (logging_the_others_out, using_it_once)),
    *((story, timedelta(seconds=1)) for story in (proving_it_just_now, using_it_just_now, renewing_it_just_now)),
    (renewing_it, MOMENT),
    (nothing, timedelta(minutes=-5)),
    *((nothing, ago) for ago in (QUARTER, EVENING, DAY)),
    *((logging_out, ago) for ago in (QUARTER, EVENING)),
]


def happened(
    folder: Path, story: Callable[[Before, Login], Awaitable[None]], carry: Carry, ago: timedelta = MOMENT, **more: Any
) -> list[str]:
    """Log in some time ago, let ``story`` happen, and return the tokens of that login."""

    async def work() -> list[str]:
        before = Before(folder, ago)
        async with before.auth:
            login = await before.login(carry, **more)
            await story(before, login)
            return tokens_of(login)

    return asyncio.run(work())


def answered(folder: Path, token: str) -> str | None:
    """The code of the real answer to a request that carries ``token`` now; None when it is accepted."""

    async def work() -> str | None:
        async with Auth(settings(folder)) as auth:
            try:
                await (auth.refresh(token) if form_of(token).kind is REFRESH else auth.check(token))
            except AuthError as refused:
                return refused.code
            return None

    return asyncio.run(work())


def explained(run: CommandLine, token: str, **environment: str) -> Any:
    run("token", "--json", stdin=token + "\n", **environment)
    return json.loads(run.out)


@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])
@pytest.mark.parametrize(("story", "ago"), STORIES, ids=lambda each: getattr(each, "__name__", str(each)))
def test_the_verdict_is_the_checkers(run: CommandLine, story: Any, ago: timedelta, carry: Carry) -> None:
    for token in happened(run.folder, story, carry, ago):
        told = explained(run, token)
        code = answered(run.folder, token)
        assert (told["code"], told["verdict"]) == (code, "refused" if code else "accepted"), told
        assert run.code == (1 if code else 0)
        assert told["not_asked"] is None


def test_each_reason_is_told_in_words(run: CommandLine) -> None:
    [token] = happened(run.folder, logging_out, Carry.HEADER)
    said = run("token", stdin=token)
    assert said.startswith("Session token, refused (session.ended): it ended ")
    assert said.splitlines()[0].endswith("ago: logged out.")
    assert f"({ADDRESS}" not in said
    assert f"of         {ADDRESS} (usr_" in said
    assert set(ENDINGS) == set(Ending), "every ending has its words"


def test_an_access_token_is_told_member_by_member(run: CommandLine) -> None:
    access, refresh = happened(run.folder, nothing, Carry.TOKENS, QUARTER)
    said = run("token", stdin=access)
    assert said.startswith(
        "Access token, refused (token.expired): it expired 5 minutes ago; it was issued 15 minutes ago."
    )
    for line in ("alg  ES256", "typ  at+jwt", "iss        http://localhost:8000/auth", "UTC, 5 minutes ago"):
        assert line in said
    assert "signature  ok      by key_" in said
    said = run("token", stdin=refresh)
    assert said.startswith("Refresh token, accepted.")
    assert run.code == 0


def test_nothing_is_changed_and_no_refresh_token_used_up(run: CommandLine) -> None:
    _, used = happened(run.folder, using_it_once, Carry.TOKENS)
    run("token", stdin=used)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    assert explained(run, used)["code"] == "token.replayed"
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    told = explained(run, used)
    assert (told["session"]["ended_at"], told["session"]["ending"]) == (None, None), "it was not taken for a theft"


def test_a_token_may_come_as_it_stood_in_a_header_or_in_quotes(run: CommandLine) -> None:
    [token] = happened(run.folder, nothing, Carry.HEADER)
    for text in (
        token,
        f"  {token}\n\n",
        f"Authorization: Bearer {token}\n",
        f"bearer {token}",
        f'"{token}",',
        f"'{token}'",
    ):
        run("token", stdin=text)
        assert run.code == 0, text
    run("token", "-", stdin=token)
    assert run.code == 0


def test_the_token_is_never_printed(run: CommandLine) -> None:
    found = [*happened(run.folder, nothing, Carry.TOKENS), *happened(run.folder, nothing, Carry.HEADER)]
    for token in [
        *found,
        found[0][:-4],
        found[1][:-4],
        found[2][:-4],
        f"{found[1]}x",
        "not-a-token-but-perhaps-a-password",
    ]:
        said = run("token", stdin=token) + run.err + run("token", "--json", stdin=token) + run.err
        secret = token.rpartition(".")[2].partition("_")[2] or token.rpartition(".")[2]
        assert secret[:12] not in said


def test_a_token_for_another_audience_is_accepted_there(run: CommandLine) -> None:
    access, _ = happened(run.folder, nothing, Carry.TOKENS, audience="orders")
    orders = {"COATCHECK_TOKENS_AUDIENCES": "orders"}
    told = explained(run, access, **orders)
    assert told["verdict"] == "accepted"
    audience = next(each for each in told["findings"] if each["about"] == "audience")
    assert audience["says"] == "orders: accepted there, not by this installation itself"
    assert explained(run, access)["code"] == "token.wrong_audience", "an audience that the settings do not name"


def test_what_another_installation_made_is_not_ours(run: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    [session], [access, refresh] = (happened(other, nothing, carry) for carry in (Carry.HEADER, Carry.TOKENS))
    run.make_database()
    for token in (session, access, refresh):
        told = explained(run, token)
        assert (told["code"], told["session"], run.code) == ("token.invalid", None, 1)
    assert run("token", stdin=session).startswith(
        "Session token, refused (token.invalid): this installation did not make"
    )
    said = run("token", stdin=access, COATCHECK_URL="http://localhost:9000")
    assert said.startswith("Access token, refused (token.invalid): no key here has its kid")
    assert "claims, not verified" in said
    assert (
        "issuer     no      it says http://localhost:8000/auth, and COATCHECK_URL makes this http://localhost:9000"
        in said
    )


def test_a_changed_character_is_told_from_a_lost_one(run: CommandLine) -> None:
    [session], [access, refresh] = (happened(run.folder, nothing, carry) for carry in (Carry.HEADER, Carry.TOKENS))
    for token in (session, refresh):
        changed = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
        assert "a character was changed" in run("token", stdin=changed)
        assert "was it copied whole?" in run("token", stdin=token[:-1])
    head, payload, signature = access.split(".")
    changed = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    assert "did not sign this: it was changed, or made up" in run("token", stdin=changed)
    assert "a JWT has three parts with dots between; this has two" in run("token", stdin=f"{head}.{payload}")
    assert "was it copied whole?" not in run("token", stdin=access)


def test_without_the_database_only_the_form_is_told_and_the_code_is_3(run: CommandLine) -> None:
    [session], [access, refresh] = (happened(run.folder, nothing, carry) for carry in (Carry.HEADER, Carry.TOKENS))
    elsewhere = run.folder / "nowhere.db"
    for url, why in (
        (f"sqlite:///{elsewhere}", f"the database {elsewhere} is not there yet"),
        ("memory:", "a memory: store"),
    ):
        for token in (session, access, refresh):
            said = run("token", stdin=token, COATCHECK_DATABASE_URL=url)
            assert run.code == 3
            assert f"not decided: {why}" in said
        told = explained(run, access, COATCHECK_DATABASE_URL=url)
        assert (told["verdict"], told["code"], told["session"]) == ("undecided", None, None)
        assert [each["about"] for each in told["findings"]] == ["form", "issuer", "audience", "times"]
        assert "claims, not verified" in run("token", stdin=access, COATCHECK_DATABASE_URL=url)
    assert not elsewhere.exists()
    expired, _ = happened(run.folder, nothing, Carry.TOKENS, QUARTER)
    assert explained(run, expired, COATCHECK_DATABASE_URL="memory:")["code"] == "token.expired"
    assert run.code == 1, "what speaks against it needs no database"


def test_a_database_that_cannot_be_read_is_said(run: CommandLine) -> None:
    [token] = happened(run.folder, nothing, Carry.HEADER)
    run.database.write_bytes(b"this is no database, whatever it is called" * 40)
    said = run("token", stdin=token)
    assert (run.code, "can't be read as a SQLite database" in said) == (3, True)


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "no token was given"),
        (" \n\t\n", "no token was given"),
        ("Bearer", "no token was given"),
        ("one two", "2 words were given; one token is explained at a time"),
        ("x" * 65_537, "more than 65536 characters were given; no token is that long"),
    ],
)
def test_what_cannot_be_a_token_is_one_sentence(run: CommandLine, stdin: str, said: str) -> None:
    run("token", stdin=stdin)
    assert (run.code, run.out, run.err) == (1, "", f"error: {said}\n")


async def a_key(before: Before, **more: Any) -> tuple[str, str, Login]:
    login = await before.login(Carry.HEADER)
    made = await before.auth.api_keys.create(login.user.id, "nightly build", **more)
    assert made.secret is not None
    return made.secret, made.credential.id, login


@pytest.mark.parametrize(
    "story", [nothing, logging_out, suspending, deleting, changing_roles, compromising, ending_everything]
)
def test_the_verdict_on_an_api_key_is_the_checkers(run: CommandLine, story: Any) -> None:
    async def work() -> str:
        before = Before(run.folder)
        async with before.auth:
            key, _, login = await a_key(before)
            await story(before, login)
            return key

    key = asyncio.run(work())
    told, code = explained(run, key), answered(run.folder, key)
    assert (told["kind"], told["code"]) == ("api_key", code)
    assert told["session"]["name"] == "nightly build"
    assert key not in run.out


def test_a_key_that_was_revoked_or_has_expired_says_so(run: CommandLine) -> None:
    async def work() -> tuple[str, str]:
        before = Before(run.folder, QUARTER)
        async with before.auth:
            revoked, key_id, _ = await a_key(before)
            await before.auth.api_keys.revoke(key_id)
            expired, _, _ = await a_key(before, expires_at=before.clock.now + timedelta(minutes=5))
            return revoked, expired

    revoked, expired = asyncio.run(work())
    said = run("token", stdin=revoked)
    assert said.startswith("API key, refused (session.ended): it ended 15 minutes ago: revoked.")
    assert answered(run.folder, revoked) == "session.ended"
    assert "API key, refused (session.expired): it came to its absolute end 10 minutes ago" in run(
        "token", stdin=expired
    )
    assert answered(run.folder, expired) == "session.expired"
    changed = revoked[:-1] + ("A" if revoked[-1] != "A" else "B")
    assert "not the checksum of the others" in run("token", stdin=changed)


def test_what_a_service_holds_is_judged_too(run: CommandLine) -> None:
    async def work() -> tuple[str, str, str]:
        before = Before(run.folder)
        async with before.auth as auth:
            made = await auth.services.create("orders", audiences=("https://orders.example.com",))
            secret = made.first.secret or ""
            who = await auth.services.authenticate(secret)
            issued = await auth.services.issue(who, audience="https://orders.example.com")
            return made.service.id, secret, issued.access_token

    service_id, secret, access = asyncio.run(work())
    for token, kind in ((secret, "service_secret"), (access, "access")):
        told = explained(run, token)
        assert (told["kind"], told["verdict"], told["session"]["owner"]) == (kind, "accepted", service_id), told

    async def suspend() -> None:
        async with Auth(settings(run.folder)) as auth:
            await auth.services.change(service_id, status=ServiceStatus.SUSPENDED)

    asyncio.run(suspend())
    for token in (secret, access):
        said = run("token", stdin=token)
        assert run.code == 1
        assert f"its owner {service_id} is suspended" in said


def test_what_the_local_switch_refuses_is_told(run: CommandLine) -> None:
    [session], [access, refresh] = (happened(run.folder, nothing, carry) for carry in (Carry.HEADER, Carry.TOKENS))
    kid, owner = explained(run, access)["header"]["kid"], explained(run, access)["session"]["owner"]
    deny = run.database.with_name("app.db-deny")
    for named, refused in ((kid, [access]), (owner, [session, access]), ("everything", [session, access])):
        deny.write_text(f"{named}\n", encoding="utf-8")
        for token in (session, access):
            code = "checking.stale" if token in refused else None
            assert explained(run, token)["code"] == code == answered(run.folder, token), named
        assert explained(run, refresh)["code"] is None, "it is exchanged; what it brings is refused"
    deny.unlink()
    assert explained(run, session)["code"] is None
