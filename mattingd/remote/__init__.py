"""Workers on other machines, by Dask distributed: an adapter with the events of the local picture workers.

Nothing else in the program imports this package: the daemon starts it as a separate process.
"""
