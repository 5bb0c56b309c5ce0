"""A small world in which the conductor and the real journal run: simulated time, disk, people, children."""
