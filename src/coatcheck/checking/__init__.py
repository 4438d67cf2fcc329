"""MAY THIS REQUEST PASS?  The hot path: a plain call over local memory, under a lease, without I/O."""
