"""``coatcheck token``: what a token is, what it says, and whether it would be accepted."""
