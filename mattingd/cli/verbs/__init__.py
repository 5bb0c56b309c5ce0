"""One module per verb with its options and help. The work is in `commands`."""
