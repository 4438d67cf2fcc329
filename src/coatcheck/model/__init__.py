"""WHAT IS A LOGIN?  Records and pure rules: no I/O, no clock, no framework."""
