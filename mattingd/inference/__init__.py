"""Models behind one interface.

`backend` is the interface (no torch) and `backends/` its implementations, `registry` and `model_store` find
the models, `server` is the engine process, `self_test` checks a model before it is used, `networks/` has the
network of the shipped one, `weights/` its file. Must not know hot folders or jobs.
"""
