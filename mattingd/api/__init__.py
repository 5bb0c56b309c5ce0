"""Communication with a running daemon."""
