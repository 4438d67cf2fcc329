"""How a server must end, whatever was done to it."""

from tests.faults.history import History
from tests.serving import Serving


def hold_clean_end(serving: Serving, history: History) -> None:
    """Stop it. It has to end with code 0, have said goodbye for every worker, and never have shown a stack trace."""
    code = serving.stop()
    output = serving.output.read_text()
    history.hold("I7", "Traceback" not in output, output[-2000:])
    history.hold("end", code == 0 and not serving.registered(), f"code {code}, left: {serving.registered()}")
