"""Strokes that people paint beside a picture, and the mattes they are worked into."""
