"""``coatcheck serve`` refuses to start with what can't be right, in one plain sentence (LO-06, KM-09, JW-05, RD-05)."""

import socket
from contextlib import closing

import pytest

from tests.cli.conftest import CommandLine
from tests.serving import free_port

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"
HTTPS = {"COATCHECK_URL": "https://app.example.com", "COATCHECK_SECRETS": SECRET}


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        (HTTPS, (), "name the proxy's address in COATCHECK_WEB_TRUSTED_PROXIES"),
        ({**HTTPS, "COATCHECK_SECRETS": ""}, (), "name the proxy's address"),
        (
            {"COATCHECK_URL": "https://app.example.com", "COATCHECK_WEB_TRUSTED_PROXIES": "10.0.0.0/8"},
            (),
            "make one with `coatcheck keys secret` and name its file in COATCHECK_SECRETS_FILE",
        ),
        (
            {**HTTPS, "COATCHECK_WEB_TRUSTED_PROXIES": "10.0.0.0/8", "COATCHECK_SECRETS": "short"},
            (),
            "a secret is shorter than 32 characters",
        ),
        (
            {**HTTPS, "COATCHECK_WEB_TRUSTED_PROXIES": "10.0.0.0/8", "COATCHECK_SECRETS": "secret" * 8},
            (),
            "a secret is not random",
        ),
        (
            {
                **HTTPS,
                "COATCHECK_WEB_TRUSTED_PROXIES": "10.0.0.0/8",
                "COATCHECK_SECRETS": "92724287-892e-40f4-85fa-27cb58c661ea",
            },
            (),
            "a secret is on a list of published ones",
        ),
        ({"COATCHECK_URL": "http://app.example.com"}, (), "url must be https"),
        ({"COATCHECK_DATABASE_URL": "memory:"}, ("--workers", "2"), "a memory: store belongs to one process"),
        ({"COATCHECK_SESSION_IDLE_AFTER": "2h"}, (), "COATCHECK_SESSION_IDLE_AFTER is not a setting"),
        ({"COATCHECK_SESSIONS_IDLE_AFTER": "two hours"}, (), "COATCHECK_SESSIONS_IDLE_AFTER can't be read as a span"),
        ({"COATCHECK_DATABASE_URL": "oracle://x"}, (), "database must be like postgresql://"),
    ],
)
def test_it_refuses_to_start(
    run: CommandLine, environment: dict[str, str], options: tuple[str, ...], said: str
) -> None:
    run("serve", "--port", str(free_port()), *options, **environment)
    assert run.code == 1
    assert run.err.startswith("error: ")
    assert said in run.err
    assert run.err.count("\n") == 1
    assert SECRET not in run.err + run.out
    assert list(run.folder.iterdir()) == [], "it refuses before it makes its database"


def test_tls_without_an_https_address_is_refused(run: CommandLine) -> None:
    for name in ("cert.pem", "key.pem"):
        (run.folder / name).touch()
    run("serve", "--tls-cert", "cert.pem")
    assert (run.code, run.err.splitlines()[0]) == (2, "error: --tls-cert and --tls-key belong together.")
    run("serve", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert run.code == 1
    assert "set COATCHECK_URL=https://" in run.err


def test_a_busy_port_is_said_plainly(run: CommandLine) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for command in ("serve", "demo"):
            run(command, "--port", str(port))
            assert run.code == 1
            assert run.err.startswith(f"error: port {port} on 127.0.0.1 can't be used (address already in use); try")


def test_a_secret_that_others_can_read_is_refused(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    secret = run.database.with_name("app.db-secret")
    secret.chmod(0o644)
    run("serve", "--port", str(free_port()))
    assert (run.code, run.err) == (1, f"error: {secret} can be read by others; run: chmod 600 {secret}\n")


def test_keys_sealed_under_another_secret_are_noticed_before_anybody_logs_in(run: CommandLine) -> None:
    run.make_database(COATCHECK_SECRETS=SECRET)
    run.document("keys", "rotate", COATCHECK_SECRETS=SECRET)
    other = "another-one-for-this-test-long-and-varied-5jz7mw1c"
    run("serve", "--port", str(free_port()), COATCHECK_SECRETS=other)
    assert run.code == 1
    assert "the signing keys were sealed under another secret" in run.err
    assert run.document("keys", "list", COATCHECK_SECRETS=f"{other},{SECRET}")


def test_trouble_with_the_store_is_code_3(run: CommandLine) -> None:
    run.database.write_bytes(b"this is no database, whatever it is called" * 40)
    run.database.chmod(0o600)
    run("users", "list")
    assert (run.code, run.err.startswith("error: ")) == (3, True)
