"""The running daemon: composition, main loop, signals, lock and health."""
