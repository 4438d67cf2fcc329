"""Settings from the environment."""

from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.cli.environment import settings_from
from coatcheck.errors import Misconfigured
from coatcheck.model.key import Algorithm

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"


def test_each_kind_of_value_is_read() -> None:
    settings = settings_from(
        {
            "COATCHECK_DATABASE_URL": "memory:",
            "COATCHECK_SESSIONS_IDLE_AFTER": "90m",
            "COATCHECK_REVOCATION_LEASE": "1500ms",
            "COATCHECK_REVOCATION_DRIFT": "0.2",
            "COATCHECK_PASSWORDS_QUEUE": "12",
            "COATCHECK_TOKENS_ALGORITHM": "EdDSA",
            "COATCHECK_TOKENS_AUDIENCES": "orders, billing",
            "COATCHECK_WEB_REGISTER_OPEN": "no",
            "PATH": "/bin",
        }
    )
    assert settings.database == "memory:"
    assert settings.sessions.idle_after == timedelta(minutes=90)
    assert settings.revocation.lease == timedelta(seconds=1.5)
    assert settings.revocation.drift == 0.2
    assert settings.passwords.queue == 12
    assert settings.tokens.algorithm is Algorithm.EDDSA
    assert settings.tokens.audiences == ("orders", "billing")
    assert settings.web.register_open is False


def test_secrets_come_from_a_file_the_current_one_first(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET}\n{SECRET} of before\n", encoding="utf-8")
    assert settings_from({"COATCHECK_SECRETS_FILE": str(file)}).secrets == (SECRET, f"{SECRET} of before")


def test_in_a_file_only_lines_divide(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET},with a comma\n\n  {SECRET} of before \n", encoding="utf-8")
    secrets = settings_from({"COATCHECK_SECRETS_FILE": str(file)}).secrets
    assert secrets == (f"{SECRET},with a comma", f"{SECRET} of before")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"COATCHECK_SECRET": SECRET}, "COATCHECK_SECRET is not a setting"),
        ({"COATCHECK_SECRETS": SECRET, "COATCHECK_SECRETS_FILE": "/x"}, "both COATCHECK_SECRETS and"),
        ({"COATCHECK_SECRETS_FILE": "/nowhere/at/all"}, "COATCHECK_SECRETS_FILE: /nowhere/at/all can't be read"),
        ({"COATCHECK_PASSWORDS_QUEUE": "many"}, "can't be read as a whole number"),
        ({"COATCHECK_WEB_REGISTER_OPEN": "perhaps"}, "can't be read as yes or no"),
        ({"COATCHECK_TOKENS_ALGORITHM": "none"}, "can't be read as one of ES256"),
        ({"COATCHECK_REVOCATION_POLICY": "perhaps"}, "can't be read as one of online, deny and accept"),
        ({"COATCHECK_SESSIONS_AT_LIMIT": SECRET}, "can't be read as one of end_oldest and refuse"),
        ({"COATCHECK_SESSIONS_GRACE": "5"}, "can't be read as a span like 90s"),
    ],
)
def test_a_mistake_names_the_variable_and_never_the_value(environment: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings_from(environment)
    assert said in refused.value.message
    assert SECRET not in refused.value.message
