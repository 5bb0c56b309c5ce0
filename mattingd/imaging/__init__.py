"""Pure functions on arrays and bytes: decode, fit, refine, convert colours, encode.

Knows pictures. Must not know disks, clocks, processes, logs or the network.
"""
