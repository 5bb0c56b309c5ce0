"""The command line of other tests, for the doctor's."""

from tests.cli.conftest import make_site, say

__all__ = ["make_site", "say"]
