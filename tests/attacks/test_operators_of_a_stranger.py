"""ST-01: another role of the database makes an operator, a function or the tables themselves, for us to use.

PostgreSQL takes ``public.=(text, varchar)`` instead of its own ``=`` where that fits our parameters better, and runs it
as us (CVE-2018-1058). Up to PostgreSQL 14 every role may make one in the schema ``public``, and a database that was
carried over from there keeps that. So nothing starts over such a database, and it is said how to mend it.

Or she makes the schema itself: one named like our role, of which PostgreSQL's search path thinks first.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from coatcheck.auth import Auth
from coatcheck.authority import LookUp
from coatcheck.errors import Misconfigured
from coatcheck.stores.copying.copy_store import Copied
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres.connect import parameters, raw_connection
from coatcheck.stores.sqlite.aside import aside_of
from coatcheck.testing.contracts.driving import a_session, a_user
from tests.postgres import drop_database, new_database, new_role
from tests.stores.copying.conftest import copy, path
from tests.stores.postgres.seldom import an_auth

__all__ = ["copy", "path"]

PASSWORD = "three quiet herons wade"

OPERATOR = """
CREATE FUNCTION {place}.theirs({left}, varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {place}.seen VALUES (current_user); RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
END $$;
CREATE OPERATOR {place}.= (leftarg = {left}, rightarg = varchar, function = {place}.theirs)
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


@pytest.fixture
def maker(admin: str, theirs: str) -> str:
    """Theirs, which may make schemas, and nothing in those of others."""
    say(admin, f'GRANT CREATE ON DATABASE "{urlsplit(admin).path[1:]}" TO {role_of(theirs)}')
    return theirs


def make_operators(url: str, place: str) -> None:
    say(url, f"CREATE TABLE {place}.seen (who text)", f"GRANT ALL ON {place}.seen TO PUBLIC")
    say(url, *(OPERATOR.format(place=place, left=left) for left in ("text", "varchar", "name")))


def are_called(admin: str, place: str) -> bool:
    with psycopg.connect(admin) as looking:
        return looking.execute(f"SELECT FROM {place}.seen").rowcount > 0


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
    make_operators(theirs, "public")
    for mend in ("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "DROP OPERATOR public.= (text, varchar)"):
        with pytest.raises(Misconfigured):
            use(ours)
        say(admin, mend)
    with pytest.raises(Misconfigured, match=f"operator = in the schema public .* role {role_of(theirs)}"):
        use(ours)
    assert not are_called(admin, "public")
    say(admin, "DROP OPERATOR public.= (varchar, varchar)", "DROP OPERATOR public.= (name, varchar)")
    use(ours)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (
            "CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL'",
            "function unnest in the schema public",
        ),
        ("CREATE TABLE coatcheck_users (id text)", "table coatcheck_users in the schema public"),
    ],
    ids=["a function named as a built-in one", "a table of ours"],
)
def test_what_a_stranger_made_is_not_taken(admin: str, ours: str, theirs: str, made: str, named: str) -> None:
    say(admin, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    say(theirs, made)
    say(admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with pytest.raises(Misconfigured, match=named):
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


@pytest.mark.parametrize("kind", ["theirs", "of a group that we are in, too", "while we are a superuser"])
def test_a_schema_that_somebody_made_in_our_name_is_not_looked_into(
    admin: str, ours: str, maker: str, roles: Callable[[], str], kind: str
) -> None:
    start(ours)
    place, group = role_of(ours), role_of(roles())
    say(admin, f"GRANT {group} TO {role_of(maker)}, {place}", f"ALTER ROLE {group} NOLOGIN")
    if kind.endswith("superuser"):
        say(admin, f"ALTER ROLE {place} SUPERUSER")
    owner = group if "group" in kind else role_of(maker)
    say(maker, f"CREATE SCHEMA {place} AUTHORIZATION {owner}", f"GRANT USAGE ON SCHEMA {place} TO PUBLIC")
    make_operators(maker, place)
    with pytest.raises(
        Misconfigured, match=f"schema {place} in the search path belongs to the role {owner}"
    ) as refused:
        use(ours)
    assert f"ALTER SCHEMA {place} OWNER TO {place};" in refused.value.message
    say(ours, refused.value.message.partition("saying: ")[2])
    use(ours)
    assert not are_called(admin, place)


def test_an_empty_schema_that_somebody_gave_us_gets_no_tables(admin: str, ours: str, maker: str) -> None:
    place = role_of(ours)
    say(maker, f"CREATE SCHEMA {place}", f"GRANT ALL ON SCHEMA {place} TO {place}")
    with pytest.raises(Misconfigured, match=f"ALTER SCHEMA {place} OWNER TO {place};"):
        start(ours)
    say(admin, f"ALTER SCHEMA {place} OWNER TO {place}")
    start(ours)
    assert tables_in(admin, place)


def test_tables_that_somebody_put_before_ours_are_not_taken_for_ours(admin: str, ours: str, maker: str) -> None:
    """In a schema that the path names, and that was not there."""
    say(admin, f"ALTER ROLE {role_of(ours)} SET search_path = application, public")
    start(ours)
    say(maker, "CREATE SCHEMA application", "GRANT ALL ON SCHEMA application TO PUBLIC")
    with pytest.raises(Misconfigured, match="schema application in the search path"):
        start(ours)
    say(maker, "CREATE TABLE application.coatcheck_alembic_version (version_num text)")
    with pytest.raises(Misconfigured, match="schema application in the search path"):
        start(ours)


def test_a_schema_made_while_we_run_is_not_looked_into_by_new_connections(admin: str, ours: str, maker: str) -> None:
    place, user = role_of(ours), a_user()
    session = a_session(user.id)

    async def story() -> None:
        store = store_for(ours)
        await store.open()
        try:
            say(maker, f"CREATE SCHEMA {place}", f"GRANT ALL ON SCHEMA {place} TO PUBLIC")
            make_operators(maker, place)
            say(maker, f"CREATE TABLE {place}.coatcheck_alembic_version ()", f"CREATE TABLE {place}.coatcheck_users ()")
            await store.write(lambda tx: (tx.users.add(user), tx.sessions.add(session)))
            assert await store.read(lambda tx: tx.users.by_email_key(user.email_key)) == user
            assert await store.read(lambda tx: tx.users.get(user.id), takes_long=True) == user
            assert (await store.look_up(LookUp(session_id=session.id))).record is not None
        finally:
            await store.close()

    asyncio.run(story())
    assert not are_called(admin, place)


def test_no_connection_has_the_path_in_which_somebody_may_make_a_schema(ours: str, maker: str) -> None:
    def path() -> str:
        with raw_connection(parameters(ours)) as connection:
            ((found,),) = connection.execute("SHOW search_path").fetchall()
        return str(found)

    assert path() == "public"
    say(maker, f"CREATE SCHEMA {role_of(ours)}", f"GRANT ALL ON SCHEMA {role_of(ours)} TO PUBLIC")
    assert path() == "public"


def tables_in(admin: str, place: str) -> bool:
    with psycopg.connect(admin) as looking:
        asked = "SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'coatcheck_users'"
        return looking.execute(asked, [place]).rowcount == 1


ODD = "Kept \"here\", 'there' and {elsewhere}"
OURS = {
    "public": "GRANT CREATE ON SCHEMA public TO {ours}",
    "own by itself": "CREATE SCHEMA {ours} AUTHORIZATION {ours}",
    "own by a superuser": "CREATE SCHEMA {ours}; GRANT ALL ON SCHEMA {ours} TO {ours}",
    "own by the database's owner": "ALTER DATABASE {database} OWNER TO {owner};"
    "CREATE SCHEMA {ours} AUTHORIZATION {owner}; GRANT ALL ON SCHEMA {ours} TO {ours}",
    "own by one of the database's owners": "ALTER DATABASE {database} OWNER TO {owner};"
    "CREATE SCHEMA {ours} AUTHORIZATION {member}; GRANT ALL ON SCHEMA {ours} TO {ours}",
    "application by somebody": "CREATE SCHEMA application AUTHORIZATION {owner};"
    "GRANT ALL ON SCHEMA application TO {ours}; ALTER ROLE {ours} SET search_path = application, public",
    "application, and public of the same owner": "CREATE SCHEMA application AUTHORIZATION {owner};"
    "GRANT ALL ON SCHEMA application TO {ours}; ALTER ROLE {ours} SET search_path = application, public;"
    "ALTER SCHEMA public OWNER TO {owner}",
    f"{ODD} by itself": 'CREATE SCHEMA {odd} AUTHORIZATION {ours}; ALTER ROLE {ours} SET search_path = {odd}, "$user"',
}
"""Where the tables are, and how somebody came to have them there."""


@pytest.mark.parametrize("made", OURS)
def test_what_is_usual_is_usable(admin: str, roles: Callable[[], str], made: str) -> None:
    ours, owner, member = roles(), roles(), roles()
    database, odd = f'"{urlsplit(admin).path[1:]}"', '"' + ODD.replace('"', '""') + '"'
    names = {
        "ours": role_of(ours),
        "owner": role_of(owner),
        "member": role_of(member),
        "database": database,
        "odd": odd,
    }
    say(admin, f"GRANT {names['owner']} TO {names['member']}", OURS[made].format(**names))
    start(ours)
    use(ours)
    where = made.partition(" by ")[0].partition(",")[0].replace("own", names["ours"])
    assert tables_in(admin, ODD if made.startswith(ODD) else where)


def test_a_schema_that_the_address_names_is_usable(admin: str, ours: str) -> None:
    say(admin, f"CREATE SCHEMA application AUTHORIZATION {role_of(ours)}")
    use(f"{ours}?options=-csearch_path%3Dapplication")
    assert tables_in(admin, "application")


def test_who_may_only_use_what_the_owner_made_finds_it(admin: str, roles: Callable[[], str]) -> None:
    owner, ours = roles(), roles()
    say(
        admin,
        f"CREATE SCHEMA application AUTHORIZATION {role_of(owner)}",
        *(f"ALTER ROLE {role_of(each)} SET search_path = application, public" for each in (owner, ours)),
    )
    start(owner)
    say(
        owner,
        f"GRANT USAGE ON SCHEMA application TO {role_of(ours)}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA application TO {role_of(ours)}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA application TO {role_of(ours)}",
    )
    use(ours)
