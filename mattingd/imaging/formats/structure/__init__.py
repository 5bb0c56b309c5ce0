"""Containers by their bytes alone: locate their parts and check that they are complete.

Standard library only.
"""
