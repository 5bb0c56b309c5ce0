"""The operating system: clock, files, mounts, framing of messages."""
