"""SQL written once, as plain synchronous functions over a Connection; each database decides where they run."""
