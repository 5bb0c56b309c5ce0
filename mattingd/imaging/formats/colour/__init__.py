"""Colour spaces of pictures: find them, convert them, make their profiles."""
