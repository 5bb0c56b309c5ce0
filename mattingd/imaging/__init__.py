"""Pure functions on arrays and bytes: reading, fitting, refining, colour, writing.

Knows pictures. Knows nothing of disks, clocks, processes, logs or the network that makes the mattes.
"""
