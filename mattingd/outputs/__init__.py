"""What lies below the output root: cut-outs, notes, archived originals, and their retention."""
