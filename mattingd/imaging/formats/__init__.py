"""Files to pixels and back, format by format."""
