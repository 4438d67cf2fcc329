"""WHAT DOES A CLIENT HOLD?  Opaque session tokens, JWT access tokens, refresh tokens, and the keys behind them.

Nothing here reads a clock, an environment or a store: instants, secrets and keys are handed in.
"""
