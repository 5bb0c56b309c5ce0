"""The files that make a service of the program."""
