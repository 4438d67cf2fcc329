"""What several flows are made of: their means, a proven and a chosen password, a new user, a new session, an account
under its lock, and what the client gets to hold."""
