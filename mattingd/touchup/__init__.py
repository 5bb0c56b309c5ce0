"""Strokes that users paint beside a picture, and the mattes that they are applied to."""
