"""Whose turn it is, when a folder may have its turn, and how long it takes."""
