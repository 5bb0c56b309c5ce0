"""What can be configured: every setting once, with its type, its bounds, its default and its explanation.

The string under each field is its documentation: the example file is made of it. Policies, picture limits and
presets are declared in their own rooms and only joined here. ``Document`` is what stands in the file;
``Settings`` is what the program uses: real and absolute paths, every name filled in, the finished recipes of
each hot folder.
"""

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen, doc
from pydantic import AfterValidator

from mattingd.config.messages import known
from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.output_paths import TOKENS
from mattingd.core.retention import RetentionPolicy
from mattingd.core.settling import SettlePolicy
from mattingd.domain.jobs import Originals, PictureLimits
from mattingd.domain.presets import DEFAULT, Pin, Preset, endings_of

_LONGEST_NAME = 200
LONGEST_ENDING = 20
"""Bytes that a suffix may have: names are kept short enough for it and a version, see `rules.placing`."""
_SUFFIX = re.compile(rf"[A-Za-z0-9_.+@-]{{0,{LONGEST_ENDING - 1}}}[A-Za-z0-9_+@-]")
_VERSION = re.compile(r"_v[0-9]+", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


def safe_name(text: str) -> str:
    """``text`` if it can be the name of a file or folder on Linux, Windows and macOS alike.

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
    """``text`` if it can stand between a file's stem and its extension on any system.

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
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        raise ValueError("has a brace without its partner") from None
    tokens = [token for _, token, _, _ in pieces if token is not None]
    for token in tokens:
        if token not in TOKENS:
            raise ValueError(f"there is no token {{{token}}}; {known(TOKENS, instead_of=token)}")
    if any(extra or conversion or "{" in before or "}" in before for before, _, extra, conversion in pieces):
        raise ValueError("braces may only hold the name of a token")
    if not {"path", "stem"} & set(tokens):
        raise ValueError("must hold {path} or {stem}, or all cut-outs would have one name")
    try:
        for part in Formatter().vformat(text, (), dict.fromkeys(TOKENS, "x")).split("/"):
            safe_name(part)
    except ValueError as error:
        raise ValueError(f"each part {error}") from None
    return text


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {what}, not {text!r}")
        return text

    return check


_DEVICE = "auto, cpu, cuda or cuda:N"

PathText = Annotated[str, AfterValidator(_usable_path), doc("a path")]
Name = Annotated[str, AfterValidator(safe_name), doc("a name")]
Suffix = Annotated[str, AfterValidator(safe_suffix), doc("an ending like _web")]
Layout = Annotated[str, AfterValidator(_layout), doc("a path with tokens")]
TimeZone = Annotated[str, AfterValidator(_time_zone), doc("a time zone like Europe/Berlin")]
Device = Annotated[str, AfterValidator(_matching(r"auto|cpu|cuda(:\d+)?", _DEVICE)), doc(_DEVICE)]
Auto = Literal["auto"]


@dataclass(frozen=True, slots=True)
class AlsoEntry:
    """A further output of a hot folder's pictures as the file describes it."""

    preset: str = DEFAULT
    """How it is finished."""
    suffix: Suffix | None = None
    """What its file names end in, before the extension; by default `_` and the preset's name."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What differs from the preset."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A hot folder as the file describes it."""

    path: PathText
    """The folder to watch, with all its sub-folders."""
    name: Name | None = None
    """Its name in output paths and reports, unlike any other folder's; by default the last part of `path`."""
    preset: str = DEFAULT
    """How its cut-outs are finished: a preset that comes with the program, or one of yours."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What differs from the preset, such as `{background: "#438edb"}`; any of its settings can stand here."""
    also: tuple[AlsoEntry, ...] = ()
    """Further outputs of every picture, such as `- preset: marketplace`, which makes `shoe_marketplace.jpg`
    beside `shoe.png`; each may have `settings` and a `suffix` of its own."""
    existing: Literal["process", "ignore"] = "process"
    """What happens at the first start to files that lie there already."""
    originals: Originals = "keep"
    """What becomes of an original once all its cut-outs stand; `archive` puts it below `archive_dir`."""


@dataclass(frozen=True, slots=True)
class Watch(SettlePolicy):
    """How new files are noticed, and when they are taken."""

    rescan_seconds: Annotated[float, Gt(0)] = 60.0
    """Every folder is looked through this often, whatever the notifications said."""
    poll_seconds: Annotated[float, Gt(0)] = 5.0
    """The same, for folders without notifications, such as network shares."""
    mode: Literal["auto", "events", "poll"] = "auto"
    """`events` uses the kernel's notifications, `poll` only looks; `auto` decides for each folder."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The model and the device it runs on."""

    model: Literal["cv-unet"] = "cv-unet"
    """The model; `cv-unet` comes with the program."""
    device: Device = "auto"
    """`auto` takes the first CUDA device there is, else the processor."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the calculation; `auto` measures at start."""
    batch_size: Auto | Annotated[int, Ge(1)] = "auto"
    """Pictures that are calculated together; `auto` measures at start."""
    batch_wait_ms: Annotated[float, Ge(0)] = 50.0
    """How long the oldest waiting picture may wait for company, in milliseconds."""
    require_gpu: bool = False
    """Refuse to start without a CUDA device, instead of carrying on slowly."""
    gpu_memory_gb: Annotated[float, Gt(0)] | None = None
    """How much of the GPU's memory may be used, in 10^9 bytes, beside 0.5 for the driver; by default all."""
    idle_unload_seconds: Annotated[float, Gt(0)] | None = None
    """Without a picture for so long all memory of the model is given back; the next one loads it anew."""
    threads: Annotated[int, Ge(1)] | None = None
    """Processor threads of the model; by default chosen to leave room for the picture workers."""


@dataclass(frozen=True, slots=True)
class Limits(PictureLimits):
    """What may be used at most."""

    workers: Auto | Annotated[int, Ge(1)] = "auto"
    """Processes that read and write pictures; `auto` goes by the processor's cores."""
    picture_seconds: Annotated[float, Gt(0)] = 120.0
    """A picture that keeps a worker busy longer than this is given up, and the worker replaced."""
    memory_megapixels: Auto | Annotated[float, Gt(0)] = "auto"
    """Megapixels of all pictures in work at once; `auto` goes by the memory of the machine."""


@dataclass(frozen=True, slots=True)
class Log:
    """What is told, and in which form."""

    format: Literal["auto", "console", "json", "journald"] = "auto"
    """`auto` writes for people on a terminal, with fields to systemd's journal and JSON lines elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important kind of line that is still written."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures about the work, for Prometheus and its kin."""

    port: Annotated[int, Ge(1), Le(65535)] | None = None
    """Offered at `http://127.0.0.1:PORT/metrics`, to this machine alone; nowhere by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What the file says and the program uses without a change."""

    timezone: TimeZone | None = None
    """The time zone that dated folders go by; by default the system's."""
    layout: Layout = "{date}/{folder}/{path}"
    """Where a cut-out goes below `output_dir`. Tokens: {date} {drop} {folder} {path} {stem} {preset}."""
    watch: Watch = field(default_factory=Watch)
    """When a new file is taken."""
    engine: Engine = field(default_factory=Engine)
    """The model and its device."""
    limits: Limits = field(default_factory=Limits)
    """What may be used at most."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """When something that may heal by itself is tried again."""
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    """How long finished work is kept. Only what the journal says was made here is ever removed."""
    stop_seconds: Annotated[float, Ge(0)] = 60.0
    """After a request to stop, pictures in work are finished for this long."""
    log: Log = field(default_factory=Log)
    """What is told, and in which form."""
    metrics: Metrics = field(default_factory=Metrics)
    """Figures about the work, for Prometheus and its kin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Common):
    """The configuration file. Relative paths go from the folder that the file lies in."""

    output_dir: PathText
    """Cut-outs appear below this folder. It is made when missing, and must not lie in a hot folder."""
    state_dir: PathText
    """The journal, lock and socket. Must be on a local disk."""
    archive_dir: PathText | None = None
    """Where originals go from hot folders that say `originals: archive`: below {date}/{folder}."""
    hot_folders: Annotated[tuple[FolderEntry, ...], MinLen(1), doc("a list with at least one hot folder")]
    """The folders that pictures are dropped into. They must not overlap."""
    presets: dict[Name, dict[str, Any]] = field(default_factory=dict)
    """Presets of your own: a name, its settings, and `like:` for the preset that the rest is taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A further output of a hot folder, ready to use."""

    preset: str
    """The name of the preset, for reports."""
    suffix: str
    """What stands between a file's stem and its extension."""
    recipe: Preset
    """Preset and ``settings`` in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotFolder:
    """A hot folder, ready to use."""

    path: Path
    """Absolute, with symbolic links resolved."""
    name: str
    """Unique among the hot folders, and safe in a path on any system."""
    preset: str
    """The name of the preset, for ``{preset}`` and reports."""
    recipe: Preset
    """Preset and ``settings`` of the folder in one."""
    recipe_hash: str
    """Fingerprint of all recipes and the model; see ``mattingd.presets.recipe_hash``."""
    also: tuple[Further, ...] = ()
    """What else is made of each picture."""
    existing: Literal["process", "ignore"]
    """What happens at the first start to files that lie there already."""
    originals: Originals = "keep"
    """What becomes of an original once all its cut-outs stand."""

    @property
    def recipes(self) -> tuple[Preset, ...]:
        """Its own and those of further outputs."""
        return self.recipe, *(each.recipe for each in self.also)

    @property
    def preset_names(self) -> str:
        """Their names, for reports."""
        return " + ".join([self.preset, *(each.preset for each in self.also)])

    @property
    def formats(self) -> str:
        """What the files are, for reports."""
        return " + ".join(dict.fromkeys(recipe.format for recipe in self.recipes))

    @property
    def endings(self) -> tuple[str, ...]:
        """What the names of a picture's outputs end in, in their order."""
        further = (ending for each in self.also for ending in endings_of(each.recipe, each.suffix))
        return *endings_of(self.recipe), *further


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """Everything the program needs to know, checked once; can be sent to child processes."""

    output_dir: Path
    """Absolute, with symbolic links resolved."""
    state_dir: Path
    """Absolute, with symbolic links resolved."""
    archive_dir: Path | None = None
    """The same, if there is one."""
    hot_folders: tuple[HotFolder, ...]
    """In the order of the file."""
    presets: Mapping[str, Preset]
    """Every preset by name: those that come with the program, and the team's own."""

    @property
    def backgrounds(self) -> dict[str, Pin]:
        """The pictures that stand behind cut-outs, by what people call them."""
        pins = {
            f"background of hot folder {hot.name}{f', output {ordinal}' * (ordinal > 1)}": Pin.of(
                recipe.background
            )
            for hot in self.hot_folders
            for ordinal, recipe in enumerate(hot.recipes, 1)
        }
        return {about: pin for about, pin in pins.items() if pin}

    @property
    def written(self) -> dict[str, Path]:
        """The folders that the program writes to, by what people call them."""
        archive = {} if self.archive_dir is None else {"archive_dir": self.archive_dir}
        emptied = {f"hot folder {hot.name}": hot.path for hot in self.hot_folders if hot.originals != "keep"}
        return {"output_dir": self.output_dir, "state_dir": self.state_dir, **archive, **emptied}
