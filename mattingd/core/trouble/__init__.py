"""What goes wrong around the pictures: workers that die, folders that are gone, faults."""
