"""Somebody gives a device, a name, an address or a reason that would end a line of the audit trail, forge the next one,
or command the terminal it is read on.

LO-01 (OWASP ASVS 16.4.1).
"""

import json
import unicodedata
from datetime import UTC, datetime

import pytest

from coatcheck.model.audit import AuditEntry
from coatcheck.web.entries import details_of
from tests.cli.conftest import CommandLine
from tests.cli.test_audit import write_down
from tests.site import API, PASSWORD, running

FORGED = '{"kind": "login.succeeded", "user_id": "usr_root"}'
HOSTILE = [
    f"phone\r\n{FORGED}",
    f"phone\n\t{FORGED}",
    "phone\x1b[2J\x1b[1;1Hall is well",
    "phone\x1b]0;title\x07",
    "phone\x9b31mred",
    "phone\u2028line\u2029paragraph",
    "phone\u202etxet desrever",
    "phone\x08\x7f\x85",
    '", "outcome": "refused", "x": "',
    "phone\tcolumn",
]


def is_obeyed(text: str) -> bool:
    """True when a terminal would do more than show it, the ends of our own lines and columns apart."""
    return any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") for each in text if each not in "\n\t")


@pytest.mark.parametrize("text", HOSTILE)
def test_one_entry_stays_one_line_and_commands_no_terminal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    run = CommandLine(tmp_path_factory.mktemp("trail"))
    run.make_database()
    entry = AuditEntry(at=datetime.now(UTC), kind="login.succeeded", address=text, detail={"device": text, text: "x"})
    write_down(run, entry)
    exported = run("audit", "export")
    assert exported.count("\n") == 1
    assert exported.isascii()
    assert not is_obeyed(exported)
    document = json.loads(exported)
    assert (document["address"], document["outcome"]) == (text, "succeeded")
    assert document["detail"] == {"device": text, text: "x"}
    listed = run("audit", "list")
    assert (listed.count("\n"), listed.splitlines()[1].count("\t")) == (2, 5)
    assert not is_obeyed(listed)
    assert not is_obeyed(run("audit", "list", "--json"))
    assert run.document("audit", "list")[0]["detail"]["device"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_is_one_line_of_the_list_of_what_is_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    run = CommandLine(tmp_path_factory.mktemp("denied"))
    run.make_database()
    session, other = "ses_" + "a" * 26, "usr_" + "b" * 26
    run.document("incident", "deny", session, "--reason", f"{text}\n{other}", "--yes")
    assert run.document("incident", "denied")["identifiers"] == [session]


@pytest.mark.anyio
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_device_is_cleaned_before_it_is_kept(text: str) -> None:
    async with running() as site:
        root = await site.administrator()
        user = await site.auth.create_user("ann@example.com", PASSWORD)
        await site.log_in(site.client(), device=text[:100])
        entries = (await root.get(f"{API}/admin/audit?user={user.id}&kind=login.succeeded")).json()["entries"]
        kept = entries[0]["detail"]["device"]
        assert not is_obeyed(kept + "x"), repr(kept)
        assert "\n" not in kept
        assert "\t" not in kept


def test_what_is_shown_on_a_page_says_whose_words_it_are() -> None:
    entry = AuditEntry(at=datetime.now(UTC), kind="login.succeeded", detail={"device": "x, reason: no_password"})
    assert details_of(entry) == "device: x, reason: no_password"
