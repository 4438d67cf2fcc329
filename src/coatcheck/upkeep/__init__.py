"""WHAT RUNS BY ITSELF?  The loops and waits around the pure parts: following the log, ringing, confirming, writing down
touches, rotating keys, clearing away."""
