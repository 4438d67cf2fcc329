"""What the tests of the surface share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that start a server of their own or a browser."""
    config.addinivalue_line("markers", "slow: starts a process or a browser, and takes seconds")
