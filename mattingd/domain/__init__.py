"""The vocabulary: frozen data that all packages share."""
