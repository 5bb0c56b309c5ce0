"""Which receivers of a notice need it no more: in the journal, so that a restart sends nothing twice."""

import hashlib
from collections.abc import Callable, Iterable


class Receivers:
    """Those of one notice, by hashes of their addresses: these may be secrets."""

    def __init__(self, settled: Iterable[str], record: Callable[[tuple[str, ...]], None]) -> None:
        """These are settled so far; `record` has the journal hold all that are, before it returns."""
        self._settled = dict.fromkeys(settled)
        self._record = record

    def __contains__(self, address: str) -> bool:
        """Whether this one took the notice, or refused it for good."""
        return _mark(address) in self._settled

    def __bool__(self) -> bool:
        return bool(self._settled)

    def settle(self, addresses: Iterable[str]) -> None:
        """These took the notice, or refused it for good."""
        new = [mark for mark in map(_mark, addresses) if mark not in self._settled]
        if new:
            self._settled |= dict.fromkeys(new)
            self._record(tuple(self._settled))


def _mark(address: str) -> str:
    return hashlib.sha256(address.encode(errors="surrogateescape")).hexdigest()
