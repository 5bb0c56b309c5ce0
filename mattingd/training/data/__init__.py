"""Training pictures: data packs, synthetic subjects, composites, batches."""
