"""KM-11: workers forked from one process that make the same "random" tokens."""

import subprocess
import sys

WORKERS = 4
EACH = 20_000

PROGRAM = f"""
import os, sys
from coatcheck.model.key import Algorithm
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import generate
from coatcheck.tokens.opaque import OpaqueTokens

tokens = OpaqueTokens("ccs", Secrets(["the secret of these forked workers"]))
tokens.issue(), generate(Algorithm.ES256).sign
children = []
for _ in range({WORKERS}):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            out.write("\\n".join(tokens.issue() for _ in range({EACH})))
            out.write("\\n%x" % generate(Algorithm.ES256).private_numbers().private_value)
        os._exit(0)
    os.close(writing)
    children.append(reading)
for reading in children:
    with os.fdopen(reading) as out:
        print(out.read())
"""


def test_forked_workers_never_make_the_same_token_or_key() -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    lines = made.stdout.split()
    assert len(lines) == WORKERS * (EACH + 1)
    assert len(set(lines)) == len(lines)
