"""A newer version of Coatcheck: this code with one more revision of the tables.

source = newer_version(folder)
subprocess.run(coatcheck("serve"), env={**environment, "PYTHONPATH": str(source)})
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from coatcheck.stores.sql import migrations
from tests.serving import SECRET, coatcheck
from tests.surface.documents import ROOT

NEWEST = {part: f"{part}_9999" for part in migrations.NEWEST}
ADDS = {
    "store": 'op.add_column("coatcheck_users", sa.Column("motto", sa.Text, nullable=False, server_default="onwards"))',
    "registry": 'op.add_column("coatcheck_registrations", sa.Column("colour", sa.Text))',
}
"""For each part of the tables: what the new revision does."""


def newer_version(folder: Path, changes: Mapping[str, str] = ADDS, *, is_additive: bool = True) -> Path:
    """The code of the newer version, in ``folder``; what it changes is additive, or says that it is not."""
    package = folder / "coatcheck"
    shutil.copytree(ROOT / "src" / "coatcheck", package)
    revisions = package / "stores" / "sql" / "migrations"
    known = revisions / "__init__.py"
    for part, change in changes.items():
        newest, before = NEWEST[part], migrations.NEWEST[part]
        (revisions / "versions" / f"{newest}.py").write_text(
            f'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "{newest}"\ndown_revision = "{before}"\n'
            f"branch_labels = None\ndepends_on = None\n"
            f'oldest = "{migrations.OLDEST[part] if is_additive else newest}"\n\n\n'
            f"def upgrade() -> None:\n    {change}\n"
        )
        text, count = re.subn(f'"{before}"', f'"{newest}"', known.read_text())
        assert count == 1
        known.write_text(text)
    return folder


def begin_upgrade(url: str, source: Path | None = None, secret: str = SECRET) -> "subprocess.Popen[str]":
    """``coatcheck schema upgrade`` by the version whose code is in ``source``, or by this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")}
    environment |= {"COATCHECK_DATABASE_URL": url, "COATCHECK_SECRETS": secret}
    if source is not None:
        environment["PYTHONPATH"] = str(source)
    return subprocess.Popen(
        coatcheck("schema", "upgrade"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def upgrade(url: str, source: Path, secret: str = SECRET) -> None:
    """Have that version bring the tables up to date."""
    process = begin_upgrade(url, source, secret)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
