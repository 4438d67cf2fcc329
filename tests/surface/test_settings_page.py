"""docs/settings.md is what the settings say."""

from datetime import timedelta

import pytest

from coatcheck import Auth, Settings
from coatcheck.cli.environment import settings_from
from tests.surface import settings_page
from tests.surface.documents import blocks, text_of


def test_the_page_is_what_the_command_prints():
    assert text_of("docs/settings.md") == settings_page.page(), (
        "make it anew: python -m tests.surface.settings_page > docs/settings.md"
    )


@pytest.mark.parametrize("shape", settings_page.explanations())
def test_every_setting_says_what_it_is_for(shape):
    fields = settings_page.explanations()[shape]
    assert fields
    assert not [name for name, text in fields.items() if not text]


def test_a_default_is_written_as_the_environment_has_it():
    for text in ("90s", "15m", "12h", "30d", "50ms"):
        span = settings_from({"COATCHECK_TOKENS_ROTATE_EVERY": text}).tokens.rotate_every
        assert settings_page.written(span) == f"`{text}`"
    assert settings_page.written(timedelta(minutes=90)) == "`90m`"


def test_the_example_makes_an_auth(tmp_path):
    code = blocks("docs/settings.md", "python")[0].replace("…", "a secret of this test, longer than 32 characters")
    names: dict[str, object] = {}
    exec(code.replace("/var/lib/coatcheck", str(tmp_path)), names)  # noqa: S102 - that is what is tested
    auth = names["auth"]
    assert isinstance(auth, Auth)
    assert isinstance(auth.settings, Settings)
    assert auth.settings.issuer == "https://app.example.com/auth"
