"""Engines, one for each library that runs networks."""
