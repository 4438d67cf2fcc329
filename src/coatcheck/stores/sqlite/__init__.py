"""SQLite as a store: one file, shared by the processes of one machine."""
