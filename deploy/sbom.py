"""`make sbom`: what the wheel and the image are made of, as CycloneDX files, and under which licences.

    python deploy/sbom.py                  what `mattingd[all]` needs, as it is installed here
    python deploy/sbom.py --image TREE     what an unpacked image holds, with its Debian packages

Ends with 1 when a Python package states no licence, or one that `REFUSED` names.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REFUSED = re.compile(r"\b(AGPL|Affero|GPL|SSPL|BUSL|Proprietary)\b|General Public", re.IGNORECASE)
ALLOWED = re.compile(r"\bL?GPL.*(linking|exception)|Lesser|LGPL", re.IGNORECASE)
"""What `REFUSED` would catch and may be used as a library."""
OF_NVIDIA = re.compile(r"nvidia-|cuda-(toolkit|bindings|pathfinder)$")
"""What the CUDA build of PyTorch brings along; NVIDIA's terms let programs use it and hand it on."""
TOOLS = {"pip", "setuptools"}
DATA = {
    "mattingd/inference/weights/cv-unet.safetensors": "Apache-2.0",
    "mattingd/imaging/finishing/face_weights/face_detection_full_range.tflite": "Apache-2.0",
    "mattingd/cli/demo_pictures/astronaut.jpg": "LicenseRef-public-domain",
    "mattingd/cli/demo_pictures/chelsea.jpg": "CC0-1.0",
    "mattingd/cli/demo_pictures/coffee.jpg": "CC0-1.0",
    "mattingd/web/static/vendor/htmx.min.js": "0BSD",
    "mattingd/web/static/vendor/pico.min.css": "MIT",
}
"""What lies in the wheel and is no program."""


def main() -> None:
    """Write the files, print the table, and judge it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/sbom"))
    parser.add_argument("--image", type=Path, help="root folder of an unpacked image")
    order = parser.parse_args()
    order.out.mkdir(parents=True, exist_ok=True)
    name = "wheel" if order.image is None else "image"
    if order.image is None:
        python, used = Path(sys.executable), closure("mattingd", {"all"}, sys.path)
    else:
        python = order.image / "opt/mattingd/bin/python3"
        folders = [str(path) for path in python.parents[1].glob("lib/python3*/site-packages")]
        used = [each for each in distributions(path=folders) if each.metadata["Name"] not in TOOLS]
    licences = {found.metadata["Name"]: licence(found) for found in used}
    bill = environment_bill(python)
    bill["components"] = [*kept(bill["components"], licences), *map(data_component, DATA)]
    rows = sorted((found.metadata["Name"], found.version, licence(found)) for found in used)
    if order.image is not None:
        debian = sorted(debian_packages(order.image))
        bill = with_debian(bill, debian)
        rows += debian
    write(order.out / f"mattingd-{name}.cdx.json", bill)
    table = "".join(f"{name}\t{version}\t{text}\n" for name, version, text in rows)
    (order.out / f"licences-{name}.tsv").write_text(table, encoding="utf-8")
    print(table, end="")  # noqa: T201
    if wrong := unfit(licences):
        sys.exit("\n".join(f"{name}: {text or 'says no licence'}" for name, text in wrong.items()))


def closure(name: str, extras: Iterable[str], path: list[str]) -> list[Distribution]:
    """The distributions that one needs, itself included, as they are installed on a path.

    Raises:
        SystemExit: one of them is not installed.
    """
    installed = {canonicalize_name(each.metadata["Name"]): each for each in distributions(path=path)}
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    while waiting:
        project, extra = waiting.pop()
        if (canonicalize_name(project), extra) in asked:
            continue
        asked.add((canonicalize_name(project), extra))
        if canonicalize_name(project) not in installed:
            sys.exit(f"{project} is not installed here: pip install --editable '.[all]'")
        here = found.setdefault(canonicalize_name(project), installed[canonicalize_name(project)])
        for text in here.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need.name, each) for each in ("", *need.extras)]
    return list(found.values())


def licence(found: Distribution) -> str:
    """What a distribution says of its licence, in the newest of the forms that there are; empty: nothing."""
    about = found.metadata
    classified = [
        text.rpartition("::")[2].strip()
        for text in about.get_all("Classifier") or ()
        if text.startswith("License ::") and not text.endswith("OSI Approved")
    ]
    (expression, *_), (text, *_) = (about.get_all(key) or [""] for key in ("License-Expression", "License"))
    return str(expression) or ", ".join(classified) or str(text).strip().partition("\n")[0]


def unfit(licences: dict[str, str]) -> dict[str, str]:
    """Those that say nothing, or what may not be part of the program."""
    return {
        name: text
        for name, text in licences.items()
        if not OF_NVIDIA.match(name)
        and (not text or (REFUSED.search(text) and not ALLOWED.search(text) and " OR " not in text))
    }


def environment_bill(python: Path) -> dict[str, Any]:
    """What CycloneDX's own tool says of an environment."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    project = ["--pyproject", str(ROOT / "pyproject.toml"), str(python)]
    told = subprocess.run([*command, *project], check=True, capture_output=True, text=True).stdout
    bill: dict[str, Any] = json.loads(told)
    bill.pop("dependencies", None)  # of the whole environment, tools included
    return bill


def kept(components: Iterable[dict[str, Any]], names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The components that the program needs; the environment has tools, too."""
    wanted = {canonicalize_name(name) for name in names}
    yield from (each for each in components if canonicalize_name(each["name"]) in wanted)


def data_component(place: str) -> dict[str, Any]:
    """A file of the wheel."""
    terms = DATA[place]
    named = {"name": terms} if terms.startswith("LicenseRef") else {"id": terms}
    return {
        "type": "data" if place.endswith(".jpg") else "machine-learning-model",
        "name": place,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256((ROOT / place).read_bytes()).hexdigest()}],
        "licenses": [{"license": named}],
    }


def debian_packages(tree: Path) -> Iterator[tuple[str, str, str]]:
    """Name, version and licences of each package in an image."""
    for entry in (tree / "var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Status): (.*)$", entry, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields["Version"], debian_licence(tree, fields["Package"])


def debian_licence(tree: Path, package: str) -> str:
    """The short names in its copyright file; where that has another form, its place."""
    place = f"usr/share/doc/{package}/copyright"
    try:
        text = (tree / place).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    names = dict.fromkeys(re.findall(r"^License: *(\S.*)$", text, re.MULTILINE))
    return ", ".join(names) or f"see /{place}"


def with_debian(bill: dict[str, Any], packages: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """The bill of the image: that of the wheel and the system under it."""
    more = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}",
            "licenses": [{"license": {"name": text}}] if text else [],
        }
        for name, version, text in packages
    ]
    return {**bill, "components": [*bill["components"], *more]}


def write(file: Path, bill: dict[str, Any]) -> None:
    """Write a bill as JSON."""
    file.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
