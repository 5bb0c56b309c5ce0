"""The way of one picture through the code, as ARCHITECTURE.md lists it, is the one that a picture goes."""

from pathlib import Path

from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import REPOSITORY, TESTKIT, wait_until
from tests.docs.test_architecture import leaned_on, way_of_one_picture

ROOMS = ("core", "ingest", "journal", "workers", "imaging", "inference", "touchup")
"""The packages in which nothing may be passed that the page does not tell of. The others start the daemon,
serve people, or tell them of what happened."""

PROCESSES = 4
"""The main process, an engine, two picture workers."""
PATIENCE = 600.0
"""Seconds: what is watched is slow."""


def test_a_picture_passes_what_the_list_names_and_nothing_else(make_site: MakeSite, tmp_path: Path) -> None:
    passed = tmp_path / "passed"
    passed.mkdir()
    site = make_site()
    path = f"{TESTKIT / 'passed'}:{REPOSITORY}:{TESTKIT}"
    watched = {"MATTINGD_PASSED": str(passed), "PYTHONPATH": path}
    site.wait_ready(site.start(environment=watched, ready=False), PATIENCE)
    site.wait_ended([people.save(site.hot[0] / "first.jpg", pictures.picture(1, 0, "jpeg"))])
    (passed / "on").touch()
    wait_until(lambda: len(list(passed.glob("*.txt"))) >= PROCESSES, "all processes take notes")

    def files() -> set[str]:
        return {line for notes in passed.glob("*.txt") for line in notes.read_text().split()}

    site.wait_ended([people.save(site.hot[0] / "shoe.jpg", pictures.picture(2, 0, "jpeg"))])
    way = set(way_of_one_picture())
    wait_until(lambda: way <= files(), f"all was passed; not yet {sorted(way - files())}", PATIENCE)
    inside = {file for file in files() - way if file.split("/")[1] in ROOMS}
    assert sorted(file for file in inside if not file.startswith(leaned_on())) == []
    assert site.stop() == 0
