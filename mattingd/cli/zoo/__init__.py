"""`mattingd models` for published models: the catalogue, fetch, use, export."""
