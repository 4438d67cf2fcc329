"""What an application imports: complete, there when asked for, and light."""

import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import version

import pytest

import coatcheck

HEAVY = (
    "alembic",
    "argon2",
    "asyncio",
    "click",
    "cryptography",
    "fastapi",
    "jinja2",
    "msgspec",
    "sqlalchemy",
    "starlette",
)
ROOMS = ("asgi", "fastapi", "testing", "web.api", "web.pages", "testing.contracts")


def loaded_by(statement: str, names: tuple[str, ...]) -> list[str]:
    """Which of ``names`` a fresh interpreter has loaded after ``statement``."""
    code = f"import sys; {statement}; print(*(name for name in {names!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_front_door_offers_what_it_says():
    for name in coatcheck.__all__:
        assert getattr(coatcheck, name) is not None
    assert {name for name in coatcheck.__all__ if name != "__version__"} == set(coatcheck._HOMES)
    with pytest.raises(AttributeError, match="has no attribute 'Verifier'"):
        _ = coatcheck.Verifier


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_offers_what_it_says(room):
    module = importlib.import_module(f"coatcheck.{room}")
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import coatcheck", HEAVY) == []


def test_asking_for_a_name_loads_only_what_that_name_needs():
    assert loaded_by("from coatcheck import AuthError", HEAVY) == []
    assert loaded_by("from coatcheck import Principal, Receipt", HEAVY) == ["msgspec"]
    assert loaded_by("from coatcheck import Settings", tuple({*HEAVY} - {"msgspec"})) == []


def test_the_checker_loads_no_driver_no_hashing_and_no_framework():
    heavy = ("alembic", "argon2", "click", "fastapi", "jinja2", "sqlalchemy", "starlette", "uvicorn")
    assert loaded_by("import coatcheck.checking.recall, coatcheck.upkeep.follow", heavy) == []


def test_an_embedded_application_loads_no_command_line_and_no_server():
    assert loaded_by("import coatcheck.fastapi, coatcheck.web.app", ("click", "rich", "uvicorn", "coatcheck.cli")) == []


def test_every_module_can_be_imported_alone():
    names = [
        module.name
        for module in pkgutil.walk_packages(coatcheck.__path__, "coatcheck.")
        if not module.name.endswith((".__main__", ".env")) and ".versions." not in module.name
    ]
    assert len(names) > 150
    for name in names:
        importlib.import_module(name)


def test_the_version_is_the_packages_own():
    assert coatcheck.__version__ == version("coatcheck")
