"""A daemon at rest does nothing; whatever it has done, it holds no more threads and files than before."""

import psutil
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from mattingd.system import clock
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until

REST_SECONDS = 30
PICTURES = 300
RESTARTS = 20


def family(site: Site) -> list[psutil.Process]:
    """The newest daemon and its children."""
    main = psutil.Process(site.processes[-1].pid)
    return [main, *main.children()]


def holds(site: Site) -> tuple[int, int, int]:
    """Threads, descriptors and children of the main process."""
    main = psutil.Process(site.processes[-1].pid)
    return main.num_threads(), main.num_fds(), len(main.children())


def processor_seconds(site: Site) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family(site))


def test_after_a_file_it_rests_and_does_not_trigger_itself(make_site: MakeSite, tell: Tell) -> None:
    site = make_site(watch={"settle_seconds": 0.1, "rescan_seconds": 60})
    site.start()
    site.wait_ended([people.save(site.hot[0] / "a.png", pictures.picture(1))])
    observer, opened = Observer(), Opened()
    observer.schedule(opened, str(site.hot[0]), recursive=True)
    observer.start()
    before = processor_seconds(site)
    clock.sleep(REST_SECONDS)
    used = processor_seconds(site) - before
    observer.stop()
    tell(f"at rest: {100 * used / REST_SECONDS:.2f} % of a core, all processes together")
    assert used < 0.01 * REST_SECONDS
    assert opened.paths == []
    assert len(site.rows()) == 1
    assert site.stop() == 0


class Opened(FileSystemEventHandler):
    """Notes which files somebody opens."""

    def __init__(self) -> None:
        self.paths: list[bytes | str] = []

    def on_opened(self, event: FileSystemEvent) -> None:
        self.paths.append(event.src_path)


def test_threads_and_descriptors_do_not_grow(site: Site, tell: Tell) -> None:
    site.start()
    site.wait_ended([people.save(site.hot[0] / "first.png", pictures.picture(PICTURES))])
    site.command("status")
    before = holds(site)
    files = [people.save(site.hot[0] / f"{n}.png", pictures.picture(n, half=True)) for n in range(PICTURES)]
    site.wait_ended(files)
    wait_until(lambda: holds(site) == before, f"it held what it held before 300 pictures: {before}", 10)
    for number in range(RESTARTS):
        replace_a_worker(site, number)
    tell(f"threads, descriptors, children: {before}, after {RESTARTS} restarts {holds(site)}")
    wait_until(
        lambda: holds(site) == before, f"it held what it held before {RESTARTS} restarts: {before}", 10
    )
    assert site.stop() == 0


def replace_a_worker(site: Site, number: int) -> None:
    """Kill one and see the next one work."""
    children = site.children()["worker"]
    victim = children[number % len(children)]
    victim.kill()

    def replaced() -> bool:
        workers = site.children()["worker"]
        return len(workers) == len(children) and victim not in workers

    wait_until(replaced, "another worker was there")
    done = [
        people.save(site.hot[0] / f"{number}-{n}.png", pictures.picture(1000 + 4 * number + n))
        for n in range(4)
    ]
    site.wait_ended(done)
