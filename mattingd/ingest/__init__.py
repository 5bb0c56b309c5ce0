"""What comes in: hot folders are watched, scanned and inspected."""
