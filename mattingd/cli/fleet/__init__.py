"""Workers on other machines: `mattingd dask-worker`."""
