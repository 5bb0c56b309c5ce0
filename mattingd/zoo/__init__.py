"""Models that others published: what is known of each, fetching one, and taking it into the store.

The engine knows nothing of this: it loads what lies in the store, with the description beside it.
"""
