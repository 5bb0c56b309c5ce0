"""Folders on network shares: a child process makes all calls to each, so that nothing else waits."""
