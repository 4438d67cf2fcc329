"""The address of a store, read in one place."""

from pathlib import Path

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.stores.looking import looking
from coatcheck.stores.open import store_for
from coatcheck.stores.place import is_memory, parameters_of, path_of, place_of

NO_FILES = [
    "sqlite:///",
    "sqlite:///folder/",
    "sqlite:///:memory:",
    "sqlite:///a?mode=ro",
    "sqlite:///a#x",
    "sqlite:///a\0",
]


def test_a_file_is_named_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///app.db") == tmp_path / "app.db"
    assert path_of("sqlite:////srv/app.db") == Path("/srv/app.db")
    assert place_of("sqlite:///app.db") == f"{tmp_path}/app.db"


def test_memory_and_postgresql_have_no_file() -> None:
    assert (is_memory("memory:"), path_of("memory:"), place_of("memory:")) == (True, None, "memory")
    assert (is_memory("postgresql:///app"), path_of("postgresql:///app")) == (False, None)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://app:secret@db.example.com/coatcheck", "coatcheck at db.example.com"),
        (
            "postgres://app:s%2Fe%40cret@db.example.com:5433/coatcheck?sslmode=require",
            "coatcheck at db.example.com:5433",
        ),
        ("postgresql://app:a:b#c@db.example.com/coatcheck", "coatcheck at db.example.com"),
        ("postgresql://[::1]:5432,other.example.com/app", "app at ::1,other.example.com"),
        ("postgresql:///app?host=/run/postgresql&password=a@b", "app at /run/postgresql"),
        ("postgresql://%2Frun%2Fpostgresql/app", "app at /run/postgresql"),
        ("postgresql://", "the default database at this machine"),
        ("postgresql://app@localhost:5433/app", "app at localhost:5433"),
        ("postgresql://app@one:5433,[::2]:5434/app", "app at one:5433,[::2]:5434"),
        ("postgresql:///app?hostaddr=10.0.0.9", "app at 10.0.0.9"),
        ("postgresql:///?service=production", "the default database at the service production"),
    ],
)
def test_a_database_is_named_by_what_is_no_secret(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("target", ["any", "standby", "prefer-standby", "read-only"])
def test_no_standby_is_asked(target: str) -> None:
    with pytest.raises(Misconfigured, match="lets a standby answer"):
        store_for(f"postgresql://app@one,two/app?target_session_attrs={target}")


@pytest.mark.parametrize("target", ["primary", "read-write"])
def test_the_primary_may_be_asked_for(target: str) -> None:
    store_for(f"postgresql://app@one,two/app?target_session_attrs={target}")


def test_a_password_is_what_was_encoded() -> None:
    assert parameters_of("postgresql://app:s%2Fe%40cret@db/app")["password"] == "s/e@cret"


@pytest.mark.parametrize(
    "url", [*NO_FILES, "", "app.db", "memory", "postgresql+asyncpg://app:secret@db/app", "mysql://db/app"]
)
def test_what_is_no_address_is_refused_wherever_it_is_read(url: str) -> None:
    assert path_of(url) is None
    for read in (place_of, store_for, lambda url: looking(url).__enter__()):
        with pytest.raises(Misconfigured, match="database must be like") as refused:
            read(url)
        assert "secret" not in str(refused.value)
