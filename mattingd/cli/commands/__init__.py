"""What the verbs of the command line do; related ones share a module."""
