"""PostgreSQL as a store: one database, shared by any number of servers."""
