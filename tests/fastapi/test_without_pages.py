"""An application that wants no pages loads none."""

import subprocess
import sys

SCRIPT = """
import sys
from fastapi import FastAPI
from coatcheck import Auth, Settings
from coatcheck.fastapi import install

install(FastAPI(), Auth(Settings(database="memory:")), pages={pages})
print([name for name in sys.modules if name == "jinja2" or name.startswith("coatcheck.web.pages")] != [])
"""


def test_pages_and_templates_are_loaded_only_where_they_are_shown() -> None:
    for pages in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(pages=pages)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == str(pages)
