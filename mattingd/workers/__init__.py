"""Child processes: started, fed, supervised and ended."""
