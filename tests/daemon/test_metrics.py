"""`/metrics`: what a scraper gets of a daemon that had all sorts of things to do; dropped notifications."""

import os
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import hostile
import pytest
from because import why
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from mattingd.cli.commands.serving import offer
from mattingd.domain import commands, events
from mattingd.domain.jobs import Models
from mattingd.observability.metrics import Metrics
from tests.cli.conftest import pictures
from tests.daemon.harness.site import Site, wait_until

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")

Figures = dict[tuple[str, frozenset[str]], float]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scraped(port: int) -> Figures:
    """Every sample, by its name and the values of its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (s.name, frozenset(s.labels.values())): s.value for family in families for s in family.samples
        }


@contextmanager
def a_short_queue() -> Iterator[None]:
    """Notification queues that are made in here hold eight events."""
    before = QUEUE.read_text(encoding="ascii")
    QUEUE.write_text("8", encoding="ascii")
    try:
        yield
    finally:
        QUEUE.write_text(before, encoding="ascii")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A daemon with figures, two hot folders and, where we may, a short queue of notifications."""
    watch = {"settle_seconds": 0.1, "rescan_seconds": 3600}
    folder = tmp_path_factory.mktemp("metrics") / "site"
    site = Site(folder, ("a", "b"), watch=watch, metrics={"port": free_port()})
    if os.access(QUEUE, os.W_OK):
        with a_short_queue():
            site.start()
    else:
        site.start()
    yield site
    assert site.stop() == 0
    site.remove()


def test_a_scrape_tells_what_the_daemon_did(site: Site) -> None:
    (port,) = (int(event["url"].split(":")[2].split("/")[0]) for event in site.events("metrics"))
    good = pictures(site.hot[0], 12)
    (site.hot[0] / "blank.png").write_bytes(hostile.blank())
    (site.hot[0] / "text.txt").write_text("no picture")
    away = site.root / "away"
    site.hot[1].rename(away)
    site.wait_ended(site.hot[0].iterdir())
    wait_until(lambda: scraped(port)["mattingd_folder_up", frozenset("b")] == 0, "b is offline")
    offline = scraped(port)["mattingd_offline_seconds_total", frozenset("b")]
    wait_until(
        lambda: scraped(port)["mattingd_offline_seconds_total", frozenset("b")] > offline,
        "the outage goes on",
    )
    away.rename(site.hot[1])
    wait_until(lambda: scraped(port)["mattingd_folder_up", frozenset("b")] == 1, "b is back")
    figures = scraped(port)
    assert "Traceback" not in site.log.read_text()

    def figure(name: str, *labels: str) -> float:
        return figures[f"mattingd_{name}", frozenset(labels)]

    assert figure("pictures_total", "a", "done") == len(good)
    assert figure("pictures_total", "a", "failed") == 1
    assert figure("pictures_total", "a", "ignored") == 1
    assert figure("waiting_files", "queued") == figure("waiting_files", "settling") == 0
    assert figure("oldest_wait_seconds") == 0
    sent = sum(figure("batches_total", why) for why in ("full", "waited", "last", "alone"))
    assert sent == figure("batch_pictures_count") > 0
    assert figure("batch_pictures_sum") == len(good) + 1
    assert figure("stage_seconds_count", "read") >= figure("stage_seconds_count", "finish") == len(good)
    assert figure("stage_seconds_count", "publish") == len(good)
    assert figure("stage_seconds_count", "infer") == sent
    assert figure("stage_seconds_sum", "read") > 0
    assert figure("scans_total", "a") >= 1
    assert figure("engine_up") == figure("starts_total", "engine") == 1
    assert figure("offline_seconds_total", "a") == 0
    assert figures["process_resident_memory_bytes", frozenset()] > 1 << 20


def test_notifications_that_are_dropped_cost_a_scan_and_nothing_else(site: Site) -> None:
    if not os.access(QUEUE, os.W_OK):
        pytest.skip("only root can make the kernel's queue short")
    paths = pictures(site.hot[0] / "deep" / "deeper", 60)
    site.wait_ended(paths)
    assert site.events("overflow")[0]["why"].startswith("the kernel dropped notifications")
    (port,) = (int(event["url"].split(":")[2].split("/")[0]) for event in site.events("metrics"))
    assert scraped(port)["mattingd_overflows_total", frozenset("a")] >= 1


def test_a_port_that_is_in_use_is_told_and_costs_only_the_figures(tmp_path: Path) -> None:
    metrics = Metrics("1.2.3", tmp_path / "checkpoint.db", dict, lambda: 0)
    with closing(socket.socket()) as other, capture_logs() as lines:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        offer(metrics, port)
    (line,) = lines
    assert (line["log_level"], line["event"]) == ("warning", "no metrics")
    assert line["why"].startswith(f"port {port} of 127.0.0.1 cannot be used: Address already in use; free it")


def test_without_a_journal_the_other_figures_are_told(tmp_path: Path) -> None:
    metrics = Metrics("1.2.3", tmp_path / "checkpoint.db", dict, lambda: 0)
    port = free_port()
    close = metrics.serve(port)
    figures = scraped(port)
    close()
    assert figures["mattingd_engine_up", frozenset()] == 0
    assert not any(name == "mattingd_waiting_files" for name, _ in figures)


def test_engine_up_speaks_of_the_engine_that_gets_the_pictures(tmp_path: Path) -> None:
    """Not of one that comes up beside it, with a model that may be refused."""
    metrics = Metrics("1.2.3", tmp_path / "checkpoint.db", dict, lambda: 0)

    def up(engine: int, model: str) -> events.EngineUp:
        return events.EngineUp(engine, "cpu", "", "fp32", "cv-unet", model, 1, 0.1)

    def shown() -> tuple[float | None, str | None]:
        (model,) = [
            sample.labels.get("model_sha256")
            for family in metrics.registry.collect()
            for sample in family.samples
            if sample.name == "mattingd_engine_info"
        ] or [None]
        return metrics.registry.get_sample_value("mattingd_engine_up"), model

    metrics.fact(up(1, "old"))
    for command in (commands.StartEngine(2, "bad", beside=True), commands.StartEngine(3, "new", beside=True)):
        metrics.command(command)
        assert shown() == (1, "old")
        if command.model == "bad":
            metrics.fact(events.EngineDied(2, why("the self-test failed")))
            assert shown() == (1, "old")
    metrics.fact(up(3, "new"))
    assert shown() == (1, "old")
    metrics.command(commands.UseModel(Models("new", "")))
    metrics.command(commands.EndEngine(1, "another model took its place"))
    assert shown() == (1, "new")
    metrics.command(commands.EndEngine(3, "there was nothing to do"))
    assert shown()[0] == 0
