"""Containers by their bytes alone: where their parts lie and whether all are there. Standard library only."""
