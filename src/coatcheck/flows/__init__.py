"""WHAT CAN A PERSON DO?  One verb a file; the listing of this room is the product.

Each file here holds one flow, a coroutine of the file's own name. What several of them are made of lies in ``parts``.

A flow reads and hashes outside, then changes everything in one transaction. It returns what was committed and the
events that announce it; ``coatcheck.auth`` applies these at home, rings the bells and, when asked, awaits the barrier.
What has to be kept although the caller is refused (a counted attempt, a session ended for a replay) is committed first,
and the refusal is raised afterwards.
"""
