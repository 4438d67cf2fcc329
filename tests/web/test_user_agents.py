"""A User-Agent becomes a name that its owner recognises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.web.user_agents import device_name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox on Android"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36", "Chrome on Windows"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
            "Edge on Windows",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0",
            "Opera on macOS",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
                "Safari/605.1.15"
            ),
            "Safari on macOS",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 "
                "Mobile/15E148 Safari/604.1"
            ),
            "Chrome on iPad",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {WEBKIT} SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/130.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Browser on Linux"),
        ("Mozilla/5.0", "Unknown browser"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("Acme Notes/3.1 (iPhone; iOS 18)", "Acme Notes on iPhone"),
        ("", "Unknown device"),
        (" \t ", "Unknown device"),
        ("\u200b\u202e", "Unknown device"),
        ("\u200d", "Unknown device"),
        ("Ada’s old laptop", "Ada’s old laptop"),
    ],
)
def test_a_user_agent_is_told_in_words(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name


def test_what_turns_the_writing_direction_is_dropped() -> None:
    assert device_name("Firefox\u202e on\x00 Linux\u2066") == "Firefox on Linux"


@given(st.text(max_size=600))
def test_any_text_gives_a_short_visible_name_that_names_itself(text: str) -> None:
    name = device_name(text)
    assert 0 < len(name) <= 100
    assert name.isprintable() or "\u200c" in name or "\u200d" in name
    assert device_name(name) == name
