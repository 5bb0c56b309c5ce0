"""How others talk to a running daemon."""
