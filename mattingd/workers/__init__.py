"""Child processes: start, feed, supervise and end them."""
