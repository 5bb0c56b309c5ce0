"""Logs and metrics: readers of events."""
