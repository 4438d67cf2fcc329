"""A copy that is killed at its n-th step: ``python -m tests.stores.copying.killed <file> <url> <n>``.

A step is a call of a function of the copying room, or of what takes the source's place; the moment when the source has
its second name is one, too. Without being killed it prints the names of its steps.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from coatcheck.stores.copying.copy_store import copy_store

WHERE = ("/stores/copying/", "/sqlite/aside.py")
PER_ROW = {"rows", "batches", "contents", "advance", "_stored", "_switched", "<listcomp>", "<genexpr>", "<lambda>"}


def main() -> None:
    """Copy, and be killed."""
    path, url, wanted = sys.argv[1:]
    steps: list[str] = []

    def watch(frame: FrameType, event: str, what: object) -> None:
        code = frame.f_code
        is_linked = event == "c_return" and what is os.link
        if not is_linked and (event not in ("call", "return") or code.co_name in PER_ROW):
            return
        if not any(w in code.co_filename for w in WHERE):
            return
        steps.append("return link" if is_linked else f"{event} {code.co_name}")
        if len(steps) == int(wanted):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    copy_store(
        Path(path),
        url,
        now=datetime(2100, 1, 1, tzinfo=UTC),
        check_keys=lambda _: None,
        show=lambda *_: None,
    )
    sys.setprofile(None)
    print("\n".join(steps))


if __name__ == "__main__":
    main()
