"""How the shipped weights were made, and how to make them again: `python -m mattingd.training --data DIR`.

Knows pictures with known mattes, torch and the network; knows nothing of the daemon. Reading order: `assets`
(what lies on disk), `geometry` (windows and shapes), `foreground` (colours of soft pixels), `backgrounds`,
`strands` and `compose` (making pictures), `degrade` (camera faults), `sampler` (batches), `losses`, `encoder`
(where the network starts), `checkpoints`, `train`, `evaluate`, `export`.
"""
