"""WHAT MAKES IT FASTER?  Redis or Valkey beside the store: a second-level cache, wake-ups, and shared attempt counters.

It is never a store and never trusted. What it keeps of a session is sealed and stamped, so whoever can write to it is
still nobody (``docs/redis.md``). It may be flushed, killed or hung: checks get slower, nothing else.
"""
