"""The report of a drop: JSON, CSV, contact sheet and ZIP, made in a child process beside its cut-outs."""
