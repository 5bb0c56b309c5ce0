"""Decode files to pixels and encode pixels to files, by format."""
