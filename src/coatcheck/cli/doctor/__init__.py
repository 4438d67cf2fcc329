"""``coatcheck doctor``: what it looks at, a file for each place."""
