"""The networks whose architecture is part of this package."""
