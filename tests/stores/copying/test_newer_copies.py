"""A copy says which versions work over it, so that servers over it can be upgraded one by one."""

from coatcheck.stores.sql import migrations
from tests.newer import NEWEST, newer_version, upgrade
from tests.stores.copying.conftest import ask


def test_a_copy_notes_the_oldest_version_and_is_known_after_a_newer_one_has_upgraded_it(
    path, copy, postgres_url, tmp_path
):
    copy()
    noted = f"SELECT version, oldest FROM {migrations.OLDEST_TABLE} ORDER BY version"
    expected = sorted((newest, migrations.OLDEST[part]) for part, newest in migrations.NEWEST.items())
    assert ask(postgres_url, noted) == expected
    upgrade(postgres_url, newer_version(tmp_path / "newer"), path.with_name("app.db-secret").read_text())
    assert ask(postgres_url, noted) == sorted((NEWEST[part], migrations.OLDEST[part]) for part in NEWEST)
    assert copy().was_finished
