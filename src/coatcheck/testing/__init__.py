"""HOW DO I PROVE MINE?  For the tests of applications that use Coatcheck: a clock to move, passwords that hash quickly,
and being logged in without typing one. Works with any test framework.

    settings = Settings(database="memory:", passwords=fast_passwords())
    auth = Auth(settings, clock=ManualClock())
"""

from coatcheck.testing.clock import ManualClock
from coatcheck.testing.login import TestLogin, log_in, login_as
from coatcheck.testing.passwords import fast_passwords

__all__ = ["ManualClock", "TestLogin", "fast_passwords", "log_in", "login_as"]
