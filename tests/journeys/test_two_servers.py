"""Two servers behind a proxy, from the first login to a new version: nobody is logged out, and nobody let in."""

from pathlib import Path

from tests.journeys.two_servers import tell


def test_two_servers_live_through_everything_and_nobody_is_logged_out_or_let_in(tmp_path: Path) -> None:
    chapters: list[str] = []
    figures = tell(tmp_path, lease=2.0, each=2, say=chapters.append)
    assert len(chapters) == 7, chapters
    assert (figures["logins that went on"], figures["logins that were ended"]) == (7, 11)
    assert figures["logged out or let in"] == 0
    assert figures["kill -9 of an old worker over the new tables: answers"] > 0
