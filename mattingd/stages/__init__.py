"""The shell: watch, scan, read, infer, finish, publish. Does what commands say and reports what happened.

The stages import neither one another nor the rules.
"""
