"""The model behind one small face.

`contract` is the face (no torch), `catalog` knows the shipped models as data, `torch_engine` runs them,
`golden` is the self-test's picture, `cv_unet` the default model's network, `weights/` what the package ships.
Must not know hot folders or jobs.
"""
