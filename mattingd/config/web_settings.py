"""The settings of the page and the API."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt

from mattingd.config.value_types import Listen, PathText


@dataclass(frozen=True, slots=True)
class Web:
    """The page and the API."""

    listen: Listen | None = None
    """Where they are offered, such as `127.0.0.1:7860`; nowhere by default. An address that other machines
    reach needs `password_file` or `token_file`."""
    password_file: PathText | None = None
    """A file with the hash of the team's password, as `mattingd web password` writes it."""
    token_file: PathText | None = None
    """A file with tokens for other programs, one on each line; they send `Authorization: Bearer TOKEN`."""
    hosts: tuple[str, ...] = ()
    """Further names by which browsers may call it, such as `matting.studio.example`."""
    certificate: PathText | None = None
    """A PEM file with the certificate, for HTTPS; with `key`."""
    key: PathText | None = None
    """A PEM file with the certificate's private key."""
    forwarded_allow_ips: tuple[str, ...] = ()
    """Addresses of proxies whose `X-Forwarded-*` headers are believed."""
    max_upload_mb: Annotated[float, Gt(0)] = 200.0
    """The largest picture that is taken, in 10^6 bytes."""
    max_files: Annotated[int, Ge(1)] = 1000
    """The most pictures in one request."""
    uploads_per_minute: Annotated[int, Ge(1)] = 600
    """The most pictures from one address in a minute."""
    upload_days: Annotated[float, Gt(0)] = 7.0
    """Uploaded pictures are removed so long after their cut-outs are done; the cut-outs have `retention`."""
    callback_hosts: tuple[str, ...] = ()
    """Hosts that may be called when a job is done; none by default."""
    callback_secret_file: PathText | None = None
    """A file with the secret that callbacks are signed with."""
