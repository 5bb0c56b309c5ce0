"""Check the model and its device: load, warm up and test it in a separate process, as the daemon does it."""

import os
import queue
from contextlib import suppress
from pathlib import Path

from mattingd.config import Settings
from mattingd.doctor.findings import Finding, Findings, Level
from mattingd.domain import events
from mattingd.domain.commands import StartEngine
from mattingd.domain.reasons import Reason
from mattingd.journal import JournalError, reading
from mattingd.runtime.launch import JOURNAL
from mattingd.workers.capacity import devices, engine_environment
from mattingd.workers.process import Child
from mattingd.workers.protocol import Message
from mattingd.workers.spawning import Programs
from mattingd.workers.supervisor import engine_order

ABOUT = "model"
PATIENCE_SECONDS = 300.0
NVIDIA_VENDOR = "0x10de"
DISPLAY = "0x03"
"""PCI class of graphics cards."""


def examine(settings: Settings) -> Findings:
    """Check that the model runs on each device, and that no graphics card is unused."""
    for place, device in enumerate(devices(settings, os.environ.get("CUDA_VISIBLE_DEVICES"))):
        yield from _examine(settings, place, device)


def _examine(settings: Settings, place: int, device: str) -> Findings:
    answers: queue.SimpleQueue[events.Fact] = queue.SimpleQueue()

    def heard(message: Message) -> None:
        answers.put(message[0])

    def ended(how: Reason) -> None:
        answers.put(events.EngineDied(0, how))

    order = engine_order(settings, StartEngine(0, _weights_in_use(settings), device=device, place=place))
    view = engine_environment(settings, device)
    child = Child(Programs().engine, heard=heard, ended=ended, environment=view)
    child.tell((order, None))
    try:
        yield from _told(answers.get(timeout=PATIENCE_SECONDS), settings)
    except queue.Empty:
        yield Finding(ABOUT, Level.PROBLEM, f"the model was not ready within {PATIENCE_SECONDS:g} s")
    finally:
        child.kill(Reason.of("said_why", said="it was examined"))
        child.process.wait()


def _weights_in_use(settings: Settings) -> str:
    with suppress(JournalError), reading(settings.state_dir / JOURNAL) as ledger:
        return ledger.models().current
    return ""


def _told(fact: events.Fact, settings: Settings) -> Findings:
    if isinstance(fact, events.EngineUp):
        yield Finding(
            ABOUT,
            Level.OK,
            f"{fact.model} runs on {fact.device} ({fact.driver}, {fact.precision}): loaded, warm and tested"
            f" in {fact.load_seconds:.1f} s, batches of {fact.max_batch}",
        )
        if fact.remark:
            yield Finding(ABOUT, Level.WARNING, fact.remark)
        if fact.peers and settings.engine.device == "auto":
            text = f"{1 + len(fact.peers)} CUDA devices are used, one process on each"
            yield Finding(ABOUT, Level.OK, text)
        if fact.device == "cpu" and settings.engine.device == "auto":
            yield _no_gpu()
    elif isinstance(fact, events.EngineDied):
        remedy = cards_remedy() if settings.engine.require_gpu or "CUDA" in str(fact.how) else ""
        yield Finding(ABOUT, Level.PROBLEM, f"the model cannot be used: {fact.how}", remedy)


def _no_gpu() -> Finding:
    if remedy := cards_remedy():
        return Finding(
            ABOUT,
            Level.WARNING,
            "an NVIDIA card is in this machine, and the model does not run on it",
            remedy,
        )
    return Finding(ABOUT, Level.NOTE, "there is no NVIDIA card: the model runs on the processor, more slowly")


def cards_remedy() -> str:
    """Return what keeps an installed NVIDIA card from being used; empty when there is none."""
    if not _cards():
        return ""
    if not Path("/proc/driver/nvidia/version").exists():
        return "its driver is not loaded: install it, or see journalctl -k | grep -i nvidia"
    if not Path("/dev/nvidiactl").exists():
        return "its devices are not there: run nvidia-modprobe -u -c 0, or see DeviceAllow= of the unit"
    return (
        "see whether torch was installed for CUDA (python -c 'import torch; print(torch.version.cuda)')"
        " and fits the driver (nvidia-smi), and whether its user may open /dev/nvidia*"
    )


def _cards(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    return any(
        (device / "vendor").read_text(encoding="ascii").strip() == NVIDIA_VENDOR
        and (device / "class").read_text(encoding="ascii").startswith(DISPLAY)
        for device in (devices.iterdir() if devices.is_dir() else ())
    )
