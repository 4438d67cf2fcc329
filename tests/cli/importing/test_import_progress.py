"""An import on a terminal shows how far it is."""

import re

from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import many
from tests.cli.test_terminal import Terminal


def test_a_bar_shows_how_far_it_is(run: CommandLine) -> None:
    run.make_database()
    many(run.folder / "users.jsonl", 3000)
    code, shown = Terminal(run)("users", "import", "users.jsonl", "--errors", "errors.jsonl", answers={})
    assert code == 1
    assert "Importing" in shown
    assert re.search(r"Importing [━╸╺ ]+ [1-9][0-9,]* 0:0", shown), shown
    assert "Imported 2,960 accounts of 3,000 records." in shown
