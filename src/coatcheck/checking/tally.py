"""How many checks there were: plain numbers, for whoever looks."""


class Tally:
    """Checks of one process since it began, by how they were decided and what came out. They never go down.

    *warm*: from what was remembered. *cold*: at first sight, without asking: an access token by its signature, and what
    can't be a credential of ours. *online*: memory could not decide, so the store was asked, or the policy answered.
    Those that were remembered and accepted are counted in ``Checker.passed``; ``again_…`` are warm checks there that
    were part of an online one, after the store had answered.
    """

    __slots__ = (
        "again_accepted",
        "again_refused",
        "cold_accepted",
        "cold_refused",
        "online_accepted",
        "online_refused",
        "online_try_again",
        "warm_refused",
    )

    def __init__(self) -> None:
        self.warm_refused = self.cold_accepted = self.cold_refused = 0
        self.again_accepted = self.again_refused = 0
        self.online_accepted = self.online_refused = self.online_try_again = 0
