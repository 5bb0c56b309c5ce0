"""Types of single values in the configuration file: what each may be, and how that is said."""

import grp
import ipaddress
import pwd
import re
import zoneinfo
from collections.abc import Callable
from string import Formatter
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import doc
from pydantic import AfterValidator, PlainValidator

from mattingd.config.messages import known, shown
from mattingd.core.output_paths import AUTO, TOKENS
from mattingd.domain.hours import window

_HIGHEST_ID = 2**32 - 2  # one more means "unchanged" to the kernel
_LONGEST_NAME = 200
LONGEST_ENDING = 20
"""Longest suffix in bytes; `core.output_paths` keeps names short enough for it and a version."""
_SUFFIX = re.compile(rf"[A-Za-z0-9_.+@-]{{0,{LONGEST_ENDING - 1}}}[A-Za-z0-9_+@-]")
_VERSION = re.compile(r"_v[0-9]+", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def safe_name(text: str) -> str:
    """Return ``text`` if it can be the name of a file or folder on Linux, Windows and macOS.

    Raises:
        ValueError: it cannot, and why.
    """
    if not text or _UNSAFE.search(text):
        raise ValueError('must be a name, without / \\ : * ? " < > | and control characters')
    if text.startswith(".") or text != text.strip() or text.endswith("."):
        raise ValueError("must not begin or end with a dot or a space")
    if len(text.encode()) > _LONGEST_NAME:
        raise ValueError(f"must be at most {_LONGEST_NAME} bytes long")
    return text


def safe_suffix(text: str) -> str:
    """Return ``text`` if it can be put between a file's stem and its extension on any system.

    Raises:
        ValueError: it cannot, and why.
    """
    if not _SUFFIX.fullmatch(text):
        raise ValueError(f"must be 1 to {LONGEST_ENDING} letters, digits or _ - . + @, such as _web")
    if _VERSION.fullmatch(text):
        raise ValueError("must not look like the version of a cut-out")
    return text


def _usable_path(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError("must be a path")
    return text


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; write it like Europe/Berlin") from None
    return name


def _layout(text: str) -> str:
    """Each part of the path must be a safe name once its tokens are replaced."""
    if text == AUTO:
        return text
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        raise ValueError("has an unmatched brace") from None
    tokens = [token for _, token, _, _ in pieces if token is not None]
    for token in tokens:
        if token not in TOKENS:
            raise ValueError(f"there is no token {{{token}}}; {known(TOKENS, instead_of=token)}")
    if any(extra or conversion or "{" in before or "}" in before for before, _, extra, conversion in pieces):
        raise ValueError("braces may only hold the name of a token")
    if not {"path", "stem"} & set(tokens):
        raise ValueError("must contain {path} or {stem}, or all cut-outs would have the same name")
    try:
        for part in Formatter().vformat(text, (), dict.fromkeys(TOKENS, "x")).split("/"):
            safe_name(part)
    except ValueError as error:
        raise ValueError(f"each part {error}") from None
    return text


def address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not (colon and bare and port.isdigit() and 0 < int(port) < 65_536) or (":" in bare) != ("[" in host):  # noqa: PLR2004 - ports
        raise ValueError(f"must be an address and a port, like 127.0.0.1:7860, not {text!r}")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(text: str) -> str:
    address(text)
    return text


def _http_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        usable = None
    if not usable or parts.username is not None or parts.query or parts.fragment or not text.isprintable():
        raise ValueError("must be an address like http://127.0.0.1:11434/v1")
    return text


def _webhook(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        usable = None
    if not usable or parts.username is not None or not text.isprintable():
        raise ValueError("must be an address like https://example.com/hook, without a user or password")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError(f"must be an absolute path, not {text!r}")
    return text


def _dask_address(text: str) -> str:
    kind, separator, where = text.partition("://")
    if not separator or kind not in {"tcp", "tls"}:
        raise ValueError(f"must be an address like tls://10.0.0.5:8786, not {text!r}")
    address(where)
    return text


def scheduler_host(text: str) -> str:
    """Return the host of a scheduler's address."""
    return address(text.partition("://")[2])[0]


_DEVICE = "auto, cpu, cuda or cuda:N"
_ONE_DEVICE = re.compile(r"cpu|cuda(:\d+)?|(GPU|MIG)-[0-9A-Za-z/-]+")


def _devices(value: object) -> str | tuple[str, ...]:
    """Return one device, or several in a tuple.

    Raises:
        ValueError: it is neither, and what is allowed.
    """
    if isinstance(value, str) and (value == "auto" or _ONE_DEVICE.fullmatch(value)):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be {_DEVICES}, not {shown(value)}")  # noqa: TRY004 - what pydantic takes
    for each in value:
        if not (isinstance(each, str) and _ONE_DEVICE.fullmatch(each)):
            raise ValueError(f"each device of a list must be cpu, cuda or cuda:N, not {shown(each)}")
    if not value:
        raise ValueError("needs at least one device")
    return tuple(value)


def _user(text: str) -> str:
    return _known_to(pwd.getpwnam, pwd.getpwuid, text, "user")


def _group(text: str) -> str:
    return _known_to(grp.getgrnam, grp.getgrgid, text, "group")


def _known_to(by_name: Callable[[str], object], by_id: Callable[[int], object], text: str, what: str) -> str:
    """Check that the machine has this user or group, or that there can be one of this number."""
    if text.isdecimal() and int(text) > _HIGHEST_ID:
        raise ValueError(f"must be a number up to {_HIGHEST_ID}, or the name of a {what}")
    try:
        _ = by_id(int(text)) if text.isdecimal() else by_name(text)
    except KeyError:
        if not text.isdecimal():
            raise ValueError(f"this machine has no {what} {text!r}") from None
    return text


def _mode(text: str) -> str:
    if not re.fullmatch("[0-2]?[0-7]{3}", text):
        raise ValueError("must be a mode in quotes, like '0664' or, of folders, '2775'")
    if int(text, 8) & 0o600 != 0o600:  # noqa: PLR2004 - rw-
        raise ValueError("must let the owner read and write, as '0600' does: the files are read back")
    return text


def _folder_mode(text: str) -> str:
    if int(_mode(text), 8) & 0o700 != 0o700:  # noqa: PLR2004 - rwx
        raise ValueError("must let the owner read, write and enter, as '0700' does")
    return text


_DEVICES = f"{_DEVICE}, or a list of devices"


def _hours(value: object) -> tuple[str, ...]:
    """Return windows of the day as they are written.

    Raises:
        ValueError: one of them is none, and why.
    """
    windows = (value,) if isinstance(value, str) else value
    if not isinstance(windows, list | tuple) or not all(isinstance(each, str) for each in windows):
        raise ValueError(f"must be {_HOURS}, not {shown(value)}")  # what pydantic takes
    for each in windows:
        window(each)
    return tuple(windows)


_HOURS = "times of the day like 20:00-06:00, or a list of them"
HoursText = Annotated[str | tuple[str, ...], PlainValidator(_hours), doc(_HOURS)]
PathText = Annotated[str, AfterValidator(_usable_path), doc("a path")]
Name = Annotated[str, AfterValidator(safe_name), doc("a name")]
Suffix = Annotated[str, AfterValidator(safe_suffix), doc("an ending like _web")]
Layout = Annotated[str, AfterValidator(_layout), doc("auto, or a path with tokens")]
TimeZone = Annotated[str, AfterValidator(_time_zone), doc("a time zone like Europe/Berlin")]
Devices = Annotated[str | tuple[str, ...], PlainValidator(_devices), doc(_DEVICES)]
AbsolutePath = Annotated[str, AfterValidator(_absolute), doc("an absolute path")]
DaskAddress = Annotated[str, AfterValidator(_dask_address), doc("an address like tls://10.0.0.5:8786")]
Listen = Annotated[str, AfterValidator(_listen), doc("an address and a port, like 127.0.0.1:7860")]
HttpAddress = Annotated[str, AfterValidator(_http_address), doc("an address like http://127.0.0.1:11434/v1")]
WebhookUrl = Annotated[str, AfterValidator(_webhook), doc("an address like https://example.com/hook")]
User = Annotated[str, AfterValidator(_user), doc("the name of a user")]
Group = Annotated[str, AfterValidator(_group), doc("the name of a group")]
FileMode = Annotated[str, AfterValidator(_mode), doc("a mode in quotes, like '0664'")]
FolderMode = Annotated[str, AfterValidator(_folder_mode), doc("a mode in quotes, like '0664'")]
Auto = Literal["auto"]
