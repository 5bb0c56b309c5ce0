"""`mattingd models list --all` and `models show`: the catalogue, for users and for programs."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mattingd.cli.format import console_for, weight
from mattingd.cli.zoo.place import Place, place
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference.model_store import description_of
from mattingd.workers.capacity import memory
from mattingd.zoo.catalogue import CatalogueEntry, File

MEGABYTE = 1_000_000
MADE_FOR = {"yes": "yes", "no": "[red]no[/]", "unclear": "[yellow]unclear[/]"}


def list_all(config: Path | None, *, as_json: bool) -> ExitCode:
    """List the catalogue: which models are installed and fit this machine, and their licence."""
    where = place(config)
    room, what = _room(where)
    rows = [_row(where, entry, room) for entry in where.entries().values()]
    if as_json:
        print(json.dumps(rows))  # noqa: T201
        return ExitCode.OK
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("model", "installed", "subjects", "commercial", f"fits {what}", "advice"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        fits = "yes" if row["fits"] else f"[yellow]needs {row['memory_mb'] / 1000:g} GB[/]"
        installed = ", ".join(row["installed"]) or "-"
        use = MADE_FOR[row["commercial"]]
        table.add_row(
            escape(row["model"]), escape(installed), row["subjects"], use, fits, escape(row["advice"])
        )
    console_for().print(table)
    return ExitCode.OK


def _row(where: Place, entry: CatalogueEntry, room: int) -> dict[str, Any]:
    names = [entry.name(), *(entry.name(variant) for variant in entry.variants)]
    return {
        "model": entry.id,
        "installed": [name for name in names if name in where.installed],
        "variants": list(entry.variants),
        "subjects": entry.subjects,
        "commercial": entry.commercial,
        "licence": asdict(entry.licence),
        "memory_mb": entry.memory_mb,
        "fits": entry.memory_mb * MEGABYTE <= room,
        "can_be_fetched": bool(entry.files),
        "advice": entry.advice,
        "advice_zh": entry.advice_zh or entry.advice,
    }


def _room(where: Place) -> tuple[int, str]:
    """Return the bytes that a model may use, and whose: by the configuration, of a GPU, or of the machine."""
    engine = where.settings.engine if where.settings else None
    caps = [cap for place in range(len(engine.devices)) if (cap := engine.memory_of(place))] if engine else []
    if caps:
        return round(min(caps) * 1000 * MEGABYTE), "gpu_memory_gb"
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return int(done.stdout.split()[0]) * (1 << 20), "this GPU"
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return memory(), "this machine"


def show(config: Path | None, name: str, *, as_json: bool) -> ExitCode:
    """Show what is known of a model: its contract, files, licences, and its installed variants.

    Raises:
        CommandError: there is none.
    """
    where = place(config)
    installed = where.installed.get(name)
    data = description_of(where.state_dir, installed.sha256) if installed else {}
    told = _of_installed(name, data) if data else _of_entry(where.entry(name))
    if as_json:
        print(json.dumps(told))  # noqa: T201
        return ExitCode.OK
    console = console_for()
    for key, value in told.items():
        shown = "; ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        console.print(f"{key:<14}{shown}", markup=False, soft_wrap=True)
    return ExitCode.OK


def _of_installed(name: str, data: dict[str, Any]) -> dict[str, Any]:
    batches = data.get("batches")
    return {
        "model": name,
        "title": data.get("title", ""),
        "hash": data["spec"]["sha256"],
        "file hash": data["spec"].get("file_sha256") or data["spec"]["sha256"],
        "from": data.get("origin", ""),
        "since": data.get("adopted_at", ""),
        "licence": data.get("licence", ""),
        "commercial": data.get("commercial", "unclear"),
        "batches": "takes several pictures at once" if batches else "takes pictures one by one",
        "contract": {key: value for key, value in data["spec"].items() if key not in {"id", "sha256"}},
    }


def _of_entry(entry: CatalogueEntry) -> dict[str, Any]:
    files = {each.url: _size_and_hash(each) for each in entry.files}
    return {
        "model": entry.id,
        "title": entry.title,
        "advice": entry.advice,
        "subjects": entry.subjects,
        "licence": asdict(entry.licence),
        "commercial": entry.commercial,
        "memory": f"about {entry.memory_mb} MB",
        "variants": ", ".join(entry.variants) or "none",
        "files": files or _unpinned(entry),
        "contract": entry.contract,
    }


def _unpinned(entry: CatalogueEntry) -> str:
    told = f"`mattingd models add FILE --like {entry.id}` takes in yours, and its hash counts from then on"
    return f"{entry.where or 'none'}. {told}"


def _size_and_hash(file: File) -> str:
    size = weight(file.bytes) if file.bytes else "size not stated"
    return f"{size}, SHA-256 {file.sha256}" if file.sha256 else f"{size}, MD5 {file.md5}"
