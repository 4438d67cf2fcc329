"""IS IT REALLY THEM?  Password rules, hashing that never holds up other requests, and attempt limits."""
