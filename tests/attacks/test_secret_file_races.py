"""Several processes start at once on a new installation, or one died in the middle of its first start.

KM-09: all get one secret, for the owner's eyes only; a half-made file is never read and stops nobody.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.upkeep.secret_file import development_secret


def test_all_who_start_at_once_get_the_same_secret(tmp_path: Path):
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: development_secret(f"{tmp_path}/db", has_sealed_keys=False), range(64)))
    assert len(secrets) == 1
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("db-secret", 0o600)]


def test_the_draft_of_a_process_that_was_killed_stops_nobody(tmp_path: Path):
    (tmp_path / f"db-secret.{os.getpid()}").write_text("half of a sec")  # a restarted container has the same id again
    assert len(development_secret(f"{tmp_path}/db", has_sealed_keys=False)) >= 32


def test_a_secret_that_others_may_read_or_that_is_gone_is_not_replaced(tmp_path: Path):
    development_secret(f"{tmp_path}/db", has_sealed_keys=False)
    file = tmp_path / "db-secret"
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match="can be read by others"):
        development_secret(f"{tmp_path}/db", has_sealed_keys=True)
    file.unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        development_secret(f"{tmp_path}/db", has_sealed_keys=True)
    assert not file.exists()
