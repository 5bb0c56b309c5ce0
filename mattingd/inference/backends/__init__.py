"""Engines, one per library that runs networks."""
