"""The running daemon: its parts joined, its signals, its lock, its health."""
