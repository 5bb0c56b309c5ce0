"""The files below the output root: cut-outs, notes, archived originals, and their retention."""
