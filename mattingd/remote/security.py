"""Who may connect: certificates of one authority on every connection, or this machine only."""

import dask
from distributed import Security

QUIET = {
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.scheduler.work-stealing": False,
    "distributed.comm.timeouts.connect": "5s",
    "distributed.comm.retry.count": 0,
    "distributed.logging.distributed": "error",
}
"""A task is one picture, sent to one worker: Dask neither moves, spills nor repeats it."""


def settle() -> None:
    """Change Dask's own defaults."""
    dask.config.set(QUIET)


def security_of(ca: str | None, cert: str | None, key: str | None) -> Security | None:
    """The certificates for every connection; None where they are not set.

    Each side presents its own and requires one of the same authority, as client and as server.
    """
    if ca is None or cert is None or key is None:
        return None
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        tls_client_cert=cert,
        tls_client_key=key,
        tls_worker_cert=cert,
        tls_worker_key=key,
        tls_scheduler_cert=cert,
        tls_scheduler_key=key,
    )
