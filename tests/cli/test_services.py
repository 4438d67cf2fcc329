"""``coatcheck services`` and ``coatcheck api-keys``."""

import asyncio
from pathlib import Path
from typing import Any

from coatcheck.auth import Auth
from coatcheck.settings import Settings, TokenSettings
from tests.cli.conftest import CommandLine
from tests.machines import new_pair
from tests.serving import Serving


def _with_auth(run: CommandLine, work: Any) -> Any:
    settings = Settings(database=f"sqlite:///{run.database}", tokens=TokenSettings(api_key_scopes=("read",)))

    async def opened() -> Any:
        auth = Auth(settings)
        await auth.open()
        try:
            return await work(auth)
        finally:
            await auth.stop()

    return asyncio.run(opened())


def test_a_secret_is_printed_once_alone_on_standard_output(run: CommandLine) -> None:
    run.make_database()
    secret = run("services", "add", "orders", "--audience", "orders", "--scope", "stock:read", "--feed")
    assert run.code == 0, run.err
    assert secret.startswith("ccx_")
    assert secret.count("\n") == 1
    assert run.err.startswith("Registered orders (svc_")
    for words in (("services", "list"), ("services", "show", "orders"), ("services", "show", "orders", "--json")):
        said = run(*words)
        assert secret.strip() not in said + run.err
        assert "stock:read" in said
    [listed] = run.document("services", "list")
    assert (listed["name"], listed["audiences"], listed["scopes"], listed["feed"]) == (
        "orders",
        ["orders"],
        ["stock:read"],
        True,
    )


def test_a_secret_is_replaced_without_a_gap(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    with Serving(tmp_path, workers=1, COATCHECK_REVOCATION_LEASE="1s") as serving:
        made = run.document("services", "add", "nightly", "--audience", "orders")
        old, service_id = made["secret"], made["id"]

        def status(secret: str) -> int:
            asked = "grant_type=client_credentials"
            form = f"{asked}&client_id={service_id}&client_secret={secret}"
            return serving.call("POST", "token", form).status

        new = run("services", "secret", "nightly").strip()
        assert [status(old), status(new)] == [200, 200]
        said = run("services", "revoke", "nightly", made["credential"]["id"], "--yes")
        assert said.startswith(f"Revoked {made['credential']['id']} of nightly. 1 of 1 checker confirmed"), said
        assert [status(old), status(new)] == [401, 200]
        said = run("services", "remove", "nightly", "--yes")
        assert said.startswith("Removed nightly. 1 of 1 checker confirmed"), said
        assert status(new) == 401


def test_a_service_that_signs_gets_no_secret(run: CommandLine) -> None:
    run.make_database()
    _, public = new_pair()
    (run.folder / "key.pem").write_text(public)
    assert run("services", "add", "signer", "--public-key", "key.pem") == ""
    assert "the kid is crd_" in run.err
    run("services", "add", "again", "--public-key", "key.pem")
    assert (run.code, "known already" in run.err) == (1, True)
    (run.folder / "other.pem").write_text("no key")
    run("services", "secret", "signer", "--public-key", "other.pem")
    assert (run.code, "-----BEGIN PUBLIC KEY-----" in run.err) == (1, True)


def test_what_is_not_there_and_what_is_there_twice_is_said(run: CommandLine) -> None:
    run.make_database()
    for words in (("show", "nobody"), ("secret", "svc_unknown"), ("revoke", "nobody", "crd_x", "--yes")):
        run("services", *words)
        assert (run.code, "there is no service" in run.err) == (1, True), words
    for _ in range(2):
        run("services", "add", "same")
    run("services", "show", "same")
    assert (run.code, "2 services are called same" in run.err) == (1, True)
    first = run.document("services", "list")[0]["id"]
    assert run.document("services", "show", first)["id"] == first
    run("services", "revoke", first, "crd_unknown", "--yes")
    assert (run.code, "has no secret or key" in run.err) == (1, True)
    run("services", "remove", first)
    assert (run.code, "--yes" in run.err) == (2, True), "nobody was asked"
    assert len(run.document("services", "list")) == 2


def test_api_keys_are_listed_and_revoked(run: CommandLine) -> None:
    run.make_database()
    user_id = run.add_user("ann@example.com")
    made = _with_auth(run, lambda auth: auth.api_keys.create(user_id, "nightly", scopes=["read"]))
    for words in (("api-keys", "list", "ann@example.com"), ("api-keys", "list")):
        [listed] = run.document(*words)
        assert (listed["name"], listed["scopes"], listed["user_id"]) == ("nightly", ["read"], user_id)
        assert made.secret not in run(*words)
    said = run("api-keys", "revoke", made.credential.id, "--yes")
    assert said.startswith(f"Revoked {made.credential.id}."), said
    assert run.document("api-keys", "list") == []
    assert run("api-keys", "revoke", made.credential.id, "--yes").startswith("It had been revoked before.")
    run("api-keys", "revoke", "ses_unknown", "--yes")
    assert (run.code, "there is no API key" in run.err) == (1, True)
    trail = _with_auth(run, lambda auth: auth.audit(kind="api_key.revoked"))
    assert [(entry.user_id, entry.actor_id.partition(":")[0]) for entry in trail] == [(user_id, "cli")]
