"""ST-01: another role of the database makes an operator, a function or the tables themselves, for us to use.

PostgreSQL takes ``public.=(text, varchar)`` instead of its own ``=`` where that fits our parameters better, and runs it
as us (CVE-2018-1058). Up to PostgreSQL 14 every role may make one in the schema ``public``, and a database that was
carried over from there keeps that. So nothing starts over such a database, and it is said how to mend it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from coatcheck.auth import Auth
from coatcheck.errors import Misconfigured
from coatcheck.stores.copying.copy_store import Copied
from coatcheck.stores.open import store_for
from coatcheck.stores.sqlite.aside import aside_of
from tests.postgres import drop_database, new_database, new_role
from tests.stores.copying.conftest import copy, path
from tests.stores.postgres.seldom import an_auth

__all__ = ["copy", "path"]

PASSWORD = "three quiet herons wade"

OPERATOR = """
CREATE FUNCTION public.theirs({left}, varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.seen VALUES (current_user); RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
END $$;
CREATE OPERATOR public.= (leftarg = {left}, rightarg = varchar, function = public.theirs)
"""


def role_of(url: str) -> str:
    name = urlsplit(url).username
    assert name is not None
    return name


def say(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def admin(postgres_server: str) -> Iterator[str]:
    url = new_database(postgres_server)
    yield url
    drop_database(url)


@pytest.fixture
def roles(admin: str) -> Iterator[Callable[[], str]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(new_role(admin))


@pytest.fixture
def ours(admin: str, roles: Callable[[], str]) -> str:
    """Our role, which owns the database, as with most hosts."""
    url = roles()
    say(admin, f'ALTER DATABASE "{urlsplit(admin).path[1:]}" OWNER TO {role_of(url)}')
    return url


@pytest.fixture
def theirs(roles: Callable[[], str]) -> str:
    return roles()


def start(url: str) -> None:
    async def story() -> None:
        store = store_for(url)
        await store.open()
        await store.close()

    asyncio.run(story())


def use(url: str) -> None:
    async def story(auth: Auth) -> None:
        async with auth:
            login = await auth.register("ann@example.com", PASSWORD)
            await auth.end_session(login.user.id, login.session.id, wait=True)

    asyncio.run(story(an_auth(url)))


@pytest.mark.parametrize("by", ["default", "name", "group"])
def test_where_others_may_make_operators_nobody_starts_until_they_may_not(
    admin: str, ours: str, theirs: str, roles: Callable[[], str], by: str
) -> None:
    start(ours)
    grantee = {"default": "PUBLIC", "name": role_of(theirs), "group": role_of(roles())}[by]
    if by == "group":
        say(admin, f"ALTER ROLE {grantee} NOLOGIN", f"GRANT {grantee} TO {role_of(theirs)}")
    say(admin, f"GRANT CREATE ON SCHEMA public TO {grantee}")
    with pytest.raises(Misconfigured, match=f"REVOKE CREATE ON SCHEMA public FROM {grantee}; GRANT CREATE") as refused:
        start(ours)
    say(ours, refused.value.message.partition("say: ")[2])
    start(ours)


def test_what_was_made_while_it_could_be_is_not_used_afterwards(admin: str, ours: str, theirs: str) -> None:
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    say(theirs, "CREATE TABLE public.seen (who text)", "GRANT ALL ON public.seen TO PUBLIC")
    say(theirs, *(OPERATOR.format(left=left) for left in ("text", "varchar", "name")))
    for mend in ("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "DROP OPERATOR public.= (text, varchar)"):
        with pytest.raises(Misconfigured):
            use(ours)
        say(admin, mend)
    with pytest.raises(Misconfigured, match=f"operator = in the schema public .* role {role_of(theirs)}"):
        use(ours)
    with psycopg.connect(admin) as looking:
        assert looking.execute("SELECT count(*) FROM public.seen").fetchone() == (0,), "theirs was never called"
    say(admin, "DROP OPERATOR public.= (varchar, varchar)", "DROP OPERATOR public.= (name, varchar)")
    use(ours)


def test_a_function_named_as_a_built_in_one_is_not_called(admin: str, ours: str, theirs: str) -> None:
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    say(theirs, "CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL'")
    say(admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(Misconfigured, match="function unnest in the schema public"):
        start(ours)


def test_tables_that_a_stranger_made_are_not_taken(admin: str, ours: str, theirs: str) -> None:
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    say(theirs, "CREATE TABLE coatcheck_users (id text)")
    say(admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(Misconfigured, match="table coatcheck_users in the schema public"):
        start(ours)


def test_a_schema_of_our_own_does_not_help_while_public_is_in_the_path(admin: str, ours: str, theirs: str) -> None:
    say(ours, f"CREATE SCHEMA {role_of(ours)}")
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    with pytest.raises(Misconfigured, match="REVOKE CREATE ON SCHEMA public"):
        start(ours)
    say(admin, f"ALTER ROLE {role_of(ours)} SET search_path = '$user'")
    start(ours)


def test_nothing_is_copied_there(path: Path, copy: Callable[..., Copied], admin: str, ours: str) -> None:
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    with pytest.raises(Misconfigured, match="REVOKE CREATE"):
        copy(ours)
    assert not aside_of(path).exists(), "the source is as it was"
    start(f"sqlite:///{path}")


def test_whoever_is_trusted_anyway_may_make_what_they_like(admin: str, roles: Callable[[], str]) -> None:
    """What is usual where PostgreSQL is hosted: the host's own roles, a group that owns, extensions."""
    owner, ours, members, writer, only_reads = (roles() for _ in range(5))
    say(
        admin,
        f"ALTER SCHEMA public OWNER TO {role_of(owner)}",
        f"GRANT {role_of(owner)} TO {role_of(members)}",
        f"GRANT pg_write_all_data TO {role_of(writer)}",
        f"GRANT CREATE ON SCHEMA public TO {role_of(ours)}, {role_of(members)}, {role_of(writer)}",
        f"GRANT USAGE ON SCHEMA public TO {role_of(only_reads)}",
        "CREATE FUNCTION public.upper(integer) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
        "CREATE FUNCTION public.of_their_own(integer) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
        f"ALTER FUNCTION public.of_their_own OWNER TO {role_of(only_reads)}",
    )
    say(members, "CREATE FUNCTION public.lower(integer) RETURNS text LANGUAGE sql AS 'SELECT NULL'")
    start(ours)
    start(ours)
