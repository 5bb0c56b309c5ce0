"""`mattingd models`: which weights make the mattes, whether they are intact, and how to exchange them."""

import json
import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import requests
from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for, weight
from mattingd.config import Settings, load
from mattingd.config.model_setting import with_model
from mattingd.core import output_paths
from mattingd.domain.commands import StartEngine, UseModel
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Models
from mattingd.inference.backend import EngineError
from mattingd.inference.model_store import Adopted, ModelError, adopt, adopted, discard, find, shipped_size
from mattingd.journal import JournalWriter, PlacingRules, reading
from mattingd.runtime.launch import JOURNAL
from mattingd.runtime.lock import Lock
from mattingd.system import clock
from mattingd.workers.entrypoint import make_engine, model_spec
from mattingd.workers.supervisor import engine_order

BEAT_SECONDS = 0.2
"""So often a running daemon is asked whether the model has come up."""
PACKAGE = "the package"


@dataclass(frozen=True, slots=True)
class Model:
    """A usable model, as users see it."""

    ref: str
    """As in `domain.jobs.Models`."""
    name: str
    sha256: str
    size: int | None
    """Size in bytes; None when the file is missing."""
    origin: str
    adopted_at: str = ""

    def told(self) -> str:
        """Its name and the start of its hash."""
        return f"{self.name} ({self.sha256[:12]})"


class Shelf:
    """All models that a configuration can use."""

    def __init__(self, config: Path | None) -> None:
        self.config = find_config(config)
        self.settings = load(self.config)
        self.spec = model_spec()
        self.used = models_of(self.settings)
        self.models = {model.ref: model for model in self._all()}

    def _all(self) -> list[Model]:
        shipped = Model("", self.spec.id, self.spec.sha256, shipped_size(self.spec.id), PACKAGE)
        kept = [_model(each) for each in adopted(self.settings.state_dir)]
        there = {"", *(model.ref for model in kept)}
        wanted = [self.used.current, self.used.before]
        gone = [Model(ref, "?", ref, None, "it is gone") for ref in wanted if ref and ref not in there]
        return [shipped, *kept, *gone]

    def find(self, asked: str) -> Model:
        """Find a model by its name or the start of its hash.

        Raises:
            CommandError: none or several match.
        """
        try:
            ref = find(asked, self.settings.state_dir, self.spec.id, self.spec.sha256)
        except ModelError as error:
            raise CommandError(str(error)) from error
        return self.models[ref]

    def take_in(self, file: Path) -> Model:
        """Install a file of weights as a model.

        Raises:
            CommandError: it cannot be installed.
        """
        state_dir = self.settings.state_dir
        now = clock.wall(clock.zone(self.settings.timezone)).isoformat(timespec="seconds")
        try:
            return _model(adopt(state_dir, file, self.spec.id, now))
        except ModelError as error:
            raise CommandError(str(error)) from error

    def fault(self, model: Model) -> str | None:
        """Return why a model is unusable; None when its file and its self-test are fine. Loads it here."""
        try:
            with closing(make_engine(engine_order(self.settings, StartEngine(0, model.ref)))) as engine:
                engine.self_test()
        except EngineError as error:
            return str(error)
        return None


def _model(kept: Adopted) -> Model:
    return Model(kept.sha256, kept.name, kept.sha256, kept.size, kept.origin, kept.adopted_at)


def models_of(settings: Settings) -> Models:
    """Return the models in use, by the journal."""
    path = settings.state_dir / JOURNAL
    if not path.exists():
        return Models()
    with reading(path) as ledger:
        return ledger.models()


# --- list and verify ---


def show(config: Path | None, *, as_json: bool) -> ExitCode:
    """List all models, and which one is in use."""
    shelf = Shelf(config)
    if as_json:
        print(json.dumps([_as_json(model, shelf.used) for model in shelf.models.values()]))  # noqa: T201
    else:
        _show(console_for(), shelf)
    return ExitCode.OK


def _show(console: Console, shelf: Shelf) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "model", "hash"):
        table.add_column(heading)
    table.add_column("size", justify="right")
    table.add_column("from", overflow="fold")
    for model in shelf.models.values():
        size = "[red]missing[/]" if model.size is None else weight(model.size)
        since = f", {model.adopted_at.replace('T', ' ')}" if model.adopted_at else ""
        use = _use(model, shelf.used)
        style = "bold green" if use == "in use" else ""
        name = escape(model.name)
        table.add_row(use, name, model.sha256[:12], size, escape(model.origin + since), style=style)
    console.print(table)


def _use(model: Model, used: Models) -> str:
    if model.ref == used.current:
        return "in use"
    return "before" if model.ref == used.before else ""


def _as_json(model: Model, used: Models) -> dict[str, Any]:
    return {
        "model": model.name,
        "sha256": model.sha256,
        "size": model.size,
        "from": model.origin,
        "adopted_at": model.adopted_at or None,
        "in_use": model.ref == used.current,
        "before": model.ref == used.before,
    }


def verify(config: Path | None, wanted: list[str], *, as_json: bool) -> ExitCode:
    """Compare every file with its hash, and every matte of the self-test's picture with the recorded one."""
    shelf = Shelf(config)
    models = [shelf.find(name) for name in wanted] or list(shelf.models.values())
    faults = {model.ref: shelf.fault(model) for model in models}
    if as_json:
        told = [
            {"model": model.name, "sha256": model.sha256, "sound": not faults[model.ref]}
            | {"why": faults[model.ref]}
            for model in models
        ]
        print(json.dumps(told))  # noqa: T201
    else:
        console = console_for()
        for model in models:
            fault = faults[model.ref]
            verdict = f"[red]cannot be used[/]: {escape(fault)}" if fault else "[green]sound[/]"
            console.print(f"{escape(model.told())}: {verdict}", soft_wrap=True)
    return ExitCode.FAILED if any(faults.values()) else ExitCode.OK


# --- exchange ---


def use(config: Path | None, asked: str, *, as_json: bool) -> ExitCode:
    """Use an installed model from now on, and write that into the configuration."""
    shelf = Shelf(config)
    return _use_model(shelf, shelf.find(asked), as_json=as_json, write=True)


def reload(config: Path | None, asked: str | None, *, as_json: bool) -> ExitCode:
    """Use another model, or restart the one in use."""
    shelf = Shelf(config)
    if asked is None:
        return _use_model(shelf, shelf.models[shelf.used.current], as_json=as_json, anew=True)
    file = Path(asked)
    if file.suffix == ".safetensors" or file.is_file():
        model = shelf.take_in(file)
        return _use_model(shelf, model, as_json=as_json, is_new=model.ref not in shelf.models)
    return _use_model(shelf, shelf.find(asked), as_json=as_json)


def rollback(config: Path | None, *, as_json: bool) -> ExitCode:
    """Use the model that was in use before."""
    shelf = Shelf(config)
    if shelf.used.before is None:
        raise CommandError("there is nothing to go back to: no other model was ever in use")
    return _use_model(shelf, shelf.models[shelf.used.before], as_json=as_json)


def _use_model(
    shelf: Shelf,
    model: Model,
    *,
    as_json: bool,
    anew: bool = False,
    is_new: bool = False,
    write: bool = False,
) -> ExitCode:
    """Have a model used; an unusable one is refused, and removed if it was installed for this."""
    try:
        ticket = _ask_for(shelf, model, anew=anew)
    except NoDaemonError:
        running, why = False, _without_daemon(shelf, model)
    else:
        running, why = True, _outcome(shelf, model, ticket, quiet=as_json)
    if why is not None and is_new:
        discard(shelf.settings.state_dir, model.ref)
    if why is None and (write or shelf.settings.engine.model not in {shelf.spec.id, model.name}):
        _write_down(shelf, model)
    told = {"model": model.name, "sha256": model.sha256, "used": why is None, "why": why, "running": running}
    if as_json:
        print(json.dumps(told))  # noqa: T201
    elif why is not None:
        in_use = shelf.models[shelf.used.current].told()
        raise CommandError(
            f"{model.told()} is not used: {why}", f"{in_use} stays in use", code=ExitCode.FAILED
        )
    else:
        since = "from now on" if running else "from the next start on"
        print(f"{model.told()} makes the mattes {since}")  # noqa: T201
    return ExitCode.OK if why is None else ExitCode.FAILED


def _write_down(shelf: Shelf, model: Model) -> None:
    """Name the model in the configuration, so that it stays in use at the next start.

    Raises:
        CommandError: the file cannot be written.
    """
    path = Path(os.path.realpath(shelf.config))
    by_hand = f"{model.told()} is in use until the next start; write `model: {model.name}` under `engine:`"
    text = with_model(path.read_text(encoding="utf-8"), model.name)
    if text is None:
        raise CommandError(f"{path} is written in an unusual way; {by_hand}", code=ExitCode.FAILED)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        shutil.copystat(path, new)
        new.replace(path)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}; {by_hand}", code=ExitCode.FAILED) from error


def _ask_for(shelf: Shelf, model: Model, *, anew: bool) -> int:
    """Request a model from the running daemon; returns the ticket that identifies the outcome.

    Raises:
        NoDaemonError: none runs.
    """
    return ask(shelf.settings.state_dir, requests.UseModel(model.ref, anew)).ticket


def _outcome(shelf: Shelf, model: Model, ticket: int, *, quiet: bool) -> str | None:
    """Wait for the daemon's decision; returns why it refuses the model, if it does.

    Raises:
        CommandError: it ended meanwhile.
    """
    if not quiet:
        print(f"{model.told()} comes up beside the model in use ...", flush=True)  # noqa: T201
    while True:
        try:
            answer = ask(shelf.settings.state_dir, requests.ModelOutcome(ticket))
        except NoDaemonError:
            raise CommandError(
                f"the daemon ended meanwhile; `mattingd models list` says whether {model.name} is in use",
                code=ExitCode.PARTIAL,
            ) from None
        if answer.settled:
            return answer.refused
        clock.sleep(BEAT_SECONDS)


def _without_daemon(shelf: Shelf, model: Model) -> str | None:
    """Test a model here, and record it for the next start; returns why it is unusable, if it is."""
    settings = shelf.settings
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    lock = Lock(settings.state_dir)
    try:
        fault = shelf.fault(model)
        if fault is None and model.ref != shelf.used.current:
            rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
            with JournalWriter(settings.state_dir / JOURNAL, rules, _now) as journal:
                journal.apply([UseModel(Models(model.ref, journal.models().current))])
    finally:
        lock.release()
    return fault


def _now() -> str:
    return clock.wall().isoformat(timespec="seconds")
