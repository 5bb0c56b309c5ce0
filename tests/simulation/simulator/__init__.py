"""A small world in which the scheduler and the real journal run: simulated time, disk, people, children."""
