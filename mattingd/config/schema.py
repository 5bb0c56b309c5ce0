"""Declares every setting once, with its type, bounds, default and explanation.

The string below each field is its documentation; config.example.yaml is generated from it. Policies, picture
limits and presets are declared in their own modules and joined here. ``Document`` is the content of the file;
``Settings`` is what the program uses: absolute paths without links, all names filled in, the complete recipes
of each hot folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen, doc

from mattingd.config.language_settings import Language
from mattingd.config.people_settings import Hooks, Notices, Reports
from mattingd.config.remote_settings import Workers
from mattingd.config.value_types import (
    Auto,
    Devices,
    FileMode,
    FolderMode,
    Group,
    HoursText,
    Layout,
    Name,
    PathText,
    Suffix,
    TimeZone,
    User,
)
from mattingd.config.web_settings import Web
from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.output_paths import AUTO
from mattingd.core.retention import RetentionPolicy
from mattingd.core.settling import SettlePolicy
from mattingd.domain.hours import ALWAYS, Hours
from mattingd.domain.jobs import Originals, PictureLimits
from mattingd.domain.presets import DEFAULT, Pin, Preset, endings_of
from mattingd.words import Language as NotesLanguage

UPLOADS = "uploads"
"""Name of the folder in the state directory that the page and the API put pictures into."""


@dataclass(frozen=True, slots=True)
class AlsoEntry:
    """A further output of a hot folder's pictures, as written in the file."""

    preset: str = DEFAULT
    """The preset of this output."""
    suffix: Suffix | None = None
    """Ending of the file names, before the extension; by default `_` and the preset's name."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset."""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A hot folder, as written in the file."""

    path: PathText
    """The folder to watch, with all its sub-folders."""
    name: Name | None = None
    """Unique name of the folder in output paths and reports; by default the last part of `path`."""
    preset: str = DEFAULT
    """The preset for its cut-outs: a built-in preset, or one of your own."""
    model: Name | None = None
    """The installed model for its pictures, such as `birefnet-general`; by default the one in use."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset, such as `{background: "#438edb"}`."""
    also: tuple[AlsoEntry, ...] = ()
    """Further outputs of every picture, such as `- preset: marketplace`, which makes `shoe_marketplace.jpg`
    beside `shoe.png`; each may have its own `settings` and `suffix`."""
    existing: Literal["process", "ignore"] = "process"
    """Whether files that are already there at the first start are processed or ignored."""
    originals: Originals = "keep"
    """What happens to an original when its cut-outs are published; `archive` moves it to `archive_dir`."""
    drops: Literal["folder", "subfolder"] = "folder"
    """What is one drop: what arrives together in the folder, or in each of its sub-folders. A file `READY` in
    a sub-folder says that it is complete."""
    weight: Annotated[int, Ge(1), Le(100)] = 1
    """Its share while others have pictures waiting, too: with 3, three for each one of a folder with 1."""
    hours: HoursText = ()
    """When its pictures are begun, by the clock in `timezone`: "20:00-06:00", or a list of such times; by
    default always. What arrives outside waits, and `mattingd retry` does a picture at once."""
    status_file: bool = False
    """Keep a file `_STATUS.txt` in the folder that says what waits, what is done, and what failed and why."""


@dataclass(frozen=True, slots=True)
class Watch(SettlePolicy):
    """How new files are detected, and when they are accepted."""

    rescan_seconds: Annotated[float, Gt(0)] = 60.0
    """Every folder is scanned this often, in addition to the notifications."""
    poll_seconds: Annotated[float, Gt(0)] = 5.0
    """Scan interval of folders without notifications, such as network shares."""
    mode: Literal["auto", "events", "poll"] = "auto"
    """`events` uses the kernel's notifications, `poll` only scans; `auto` decides for each folder."""
    drop_seconds: Annotated[float, Ge(0)] = 30.0
    """Pictures that arrive within this time of one another are one drop, with one report and one notice."""
    share_seconds: Annotated[float, Ge(6)] = 20.0
    """A network share that gives no answer for so long is offline until it answers again."""
    follow_moved: bool = True
    """A picture that is moved into another sub-folder of its hot folder, or renamed in capitals and small
    letters only, keeps its cut-out where that is; else it is cut out once more."""
    reuse_same: bool = True
    """The same picture again, under another name or in another folder, gets a copy of the cut-outs that are
    there from the same settings and model; the report says so. `mattingd retry` makes them anew."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The model and the device it runs on."""

    model: Name = "cv-unet"
    """The model; `cv-unet` is built in, others are installed with `mattingd models get`."""
    device: Devices = "auto"
    """`auto` uses every CUDA device, or the processor if there is none. A list such as [cuda:0, cuda:2] names
    them; each gets a process of its own, and the one that is free takes the next pictures."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the calculation; `auto` measures once for model and device."""
    batch_size: Auto | Annotated[int, Ge(1)] = "auto"
    """Pictures per run of the network; `auto` measures at start."""
    batch_wait_ms: Annotated[float, Ge(0)] = 50.0
    """How long a picture may wait for others to fill its batch, in milliseconds."""
    require_gpu: bool = False
    """Refuse to start without a CUDA device, instead of working slowly."""
    gpu_memory_gb: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] | None = None
    """GPU memory that may be used on each device, in 10^9 bytes, plus 0.5 for the driver; by default all. A
    list gives each device of `device` its own."""
    idle_unload_seconds: Annotated[float, Gt(0)] | None = None
    """After so long without a picture the model is unloaded; the next picture loads it again."""
    provider: Literal["auto", "cpu", "cuda", "tensorrt", "openvino"] = "auto"
    """How ONNX Runtime calculates; TensorRT builds its engines at the first start."""
    resident_models: Annotated[int, Ge(1), Le(16)] = 2
    """Models that are loaded at once on each device, at most; fewer where they would need more memory than
    gpu_memory_gb, or two fifths of the machine's on the processor. The longest unused makes room."""
    threads: Annotated[int, Ge(1)] | None = None
    """Processor threads of each engine; by default some cores are left to the picture workers."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Where engines run: one for each."""
        return (self.device,) if isinstance(self.device, str) else self.device

    def memory_of(self, place: int) -> float | None:
        """GPU memory that may be used on a device, in 10^9 bytes; None for all."""
        caps = self.gpu_memory_gb
        return caps[place] if isinstance(caps, tuple) and place < len(caps) else _one(caps)


def _one(caps: float | tuple[float, ...] | None) -> float | None:
    return None if isinstance(caps, tuple) else caps


@dataclass(frozen=True, slots=True)
class Limits(PictureLimits):
    """Upper limits."""

    workers: Auto | Annotated[int, Ge(1)] = "auto"
    """Processes that read and write pictures; `auto` depends on the processor's cores."""
    picture_seconds: Annotated[float, Gt(0)] = 120.0
    """A picture that takes a worker longer than this fails, and the worker is replaced."""
    memory_megapixels: Auto | Annotated[float, Gt(0)] = "auto"
    """Megapixels of all pictures in work together; `auto` depends on the memory of the machine."""


@dataclass(frozen=True, slots=True)
class Log:
    """Form and detail of the log."""

    format: Literal["auto", "console", "json", "journald"] = "auto"
    """`auto`: text on a terminal, fields in systemd's journal, JSON lines elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below this level are not written."""


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """Owner, rights and names of the files below `output_dir`."""

    owner: User | None = None
    """The user to whom cut-outs, notes and new folders are given; the service has to run as root for that."""
    group: Group | None = None
    """The group they get, one of the service's own groups; by default that of a folder with setgid."""
    file_mode: FileMode | None = None
    """Rights of files, in quotes, such as '0664'; by default as the service's umask has it."""
    folder_mode: FolderMode | None = None
    """Rights of new folders, such as '2775'. A share that knows no rights ignores all of these."""
    windows_names: bool = False
    """Use only names that Windows accepts: no `:` or `?`, no dot at the end of a folder, no `CON`."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics in the Prometheus format."""

    port: Annotated[int, Ge(1), Le(65535)] | None = None
    """Port of `http://127.0.0.1:PORT/metrics`, for this machine only; off by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Settings that the program uses exactly as they are in the file."""

    timezone: TimeZone | None = None
    """The time zone of dated folders; by default the system's."""
    layout: Layout = AUTO
    """Where a cut-out goes below `output_dir`. Tokens: {date} {drop} {folder} {path} {stem} {preset}. `auto`:
    `{date}/{path}` for a hot folder that is the only one when it is first watched, else
    `{date}/{folder}/{path}`; a folder stays with what it had first."""
    watch: Watch = field(default_factory=Watch)
    """How new files are detected, and when they are accepted."""
    engine: Engine = field(default_factory=Engine)
    """The model and its device."""
    limits: Limits = field(default_factory=Limits)
    """Upper limits."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """When an attempt is repeated after a fault that may pass."""
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    """How long finished work is kept. Only files that the journal records as made here are ever removed."""
    output_files: OutputFiles = field(default_factory=OutputFiles)
    """Owner, rights and names of the files below `output_dir`."""
    reports: Reports = field(default_factory=Reports)
    """The report of a drop, in `_reports` beside its cut-outs; removed with them by `retention`."""
    notices: Notices = field(default_factory=Notices)
    """One message for each drop that has ended. Secrets are never written here: see docs/DROPS.md."""
    hooks: Hooks = field(default_factory=Hooks)
    """Programs of your own, with their arguments; each gets JSON on its standard input."""
    stop_seconds: Annotated[float, Ge(0)] = 60.0
    """After a request to stop, pictures in work have this long to finish."""
    words: NotesLanguage = "en"
    """Language of error notes and of the reasons that `status` tells: en (English) or zh (Chinese). (The
    language model of `mattingd say` is set under `language`.)"""
    log: Log = field(default_factory=Log)
    """Form and detail of the log."""
    metrics: Metrics = field(default_factory=Metrics)
    """Metrics in the Prometheus format."""
    workers: Workers = field(default_factory=Workers)
    """Workers on other machines: docs/SCALE.md."""
    web: Web = field(default_factory=Web)
    """The page and the API."""
    language: Language = field(default_factory=Language)
    """A language model for `mattingd say`; without one, sentences go by the built-in grammar. It gets the
    sentence alone, never a picture or a file name. The language of notes is set by `words`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Common):
    """The configuration file. Relative paths start at the folder of the file."""

    output_dir: PathText
    """Cut-outs appear below this folder. It is created if missing, and must not be inside a hot folder."""
    state_dir: PathText
    """The journal, lock and socket. Must be on a local disk."""
    archive_dir: PathText | None = None
    """Where originals of hot folders with `originals: archive` are moved, below {date}/{folder}."""
    hot_folders: Annotated[tuple[FolderEntry, ...], MinLen(1), doc("a list with at least one hot folder")]
    """The watched folders. They must not overlap."""
    presets: dict[Name, dict[str, Any]] = field(default_factory=dict)
    """Your own presets: a name, its settings, and `like:` with the preset for all other settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """A further output of a hot folder, ready to use."""

    preset: str
    """The name of the preset, for reports."""
    suffix: str
    """Text between a file's stem and its extension."""
    recipe: Preset
    """The preset with its ``settings`` applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotFolder:
    """A hot folder, ready to use."""

    path: Path
    """Absolute, with symbolic links resolved."""
    name: str
    """Unique among the hot folders, and safe in a path on any system."""
    preset: str
    """Name of the preset, for ``{preset}`` and reports."""
    recipe: Preset
    """The preset with the folder's ``settings`` applied."""
    recipe_hash: str
    """Hash of all recipes and the model; see `domain.presets.recipe_hash`."""
    also: tuple[Further, ...] = ()
    """Further outputs of each picture."""
    existing: Literal["process", "ignore"]
    """Whether files that are already there at the first start are processed or ignored."""
    originals: Originals = "keep"
    """What happens to an original when all its cut-outs are published."""
    drops: Literal["folder", "subfolder"] = "folder"
    """What is one drop."""
    weight: int = 1
    """So many of its pictures are begun in its turn."""
    hours: Hours = ALWAYS
    """When its pictures are begun."""
    status_file: bool = False
    """Whether `_STATUS.txt` is kept in it."""
    uploads: bool = False
    """Whether it is the folder that the page and the API put pictures into; see `ingest.uploads`."""

    @property
    def recipes(self) -> tuple[Preset, ...]:
        """Its own recipe and those of the further outputs."""
        return self.recipe, *(each.recipe for each in self.also)

    @property
    def preset_names(self) -> str:
        """Names of all its presets, for reports."""
        return " + ".join([self.preset, *(each.preset for each in self.also)])

    @property
    def formats(self) -> str:
        """Formats of the files, for reports."""
        return " + ".join(dict.fromkeys(recipe.format for recipe in self.recipes))

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings of the names of a picture's outputs, in their order."""
        further = (ending for each in self.also for ending in endings_of(each.recipe, each.suffix))
        return *endings_of(self.recipe), *further


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """All settings of the program, checked; can be sent to child processes."""

    output_dir: Path
    """Absolute, with symbolic links resolved."""
    state_dir: Path
    """Absolute, with symbolic links resolved."""
    archive_dir: Path | None = None
    """Absolute, with symbolic links resolved; None without an archive."""
    hot_folders: tuple[HotFolder, ...]
    """In the order of the file."""
    presets: Mapping[str, Preset]
    """Every preset by name: the built-in ones and the team's own."""

    @property
    def backgrounds(self) -> dict[str, Pin]:
        """The background pictures, by their description for messages."""
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
        """The folders that the program writes to, by their description for messages."""
        archive = {} if self.archive_dir is None else {"archive_dir": self.archive_dir}
        emptied = {f"hot folder {hot.name}": hot.path for hot in self.hot_folders if hot.originals != "keep"}
        return {"output_dir": self.output_dir, "state_dir": self.state_dir, **archive, **emptied}
