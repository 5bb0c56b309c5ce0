"""The networks whose architecture we carry ourselves."""
