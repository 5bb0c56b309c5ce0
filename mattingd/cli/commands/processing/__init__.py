"""The parts of `mattingd process`: its sources, and the way of a single picture."""
