"""Makes thumbnails and mattes for the page; a child process decodes, one picture at a time."""

import asyncio
import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from fastapi import Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from mattingd.web.context import Context
from mattingd.web.problems import ProblemError

FOLDER = "previews"
PATIENCE_SECONDS = 90.0
MOST_KEPT = 5000
COMMAND = (sys.executable, "-m", "mattingd.workers.entrypoint", "previews")


async def thumbnail(context: Context, job: str, of: str, side: int) -> Response:
    """Return a WebP of a job's `result` or `source`, at most `side` pixels on its longest side.

    Raises:
        ProblemError: there is no such picture, or it cannot be decoded.
    """
    find = context.desk.result if of == "result" else context.desk.source
    place = await run_in_threadpool(find, job)
    return await _made(context, place, "thumbnail", side, "image/webp")


async def matte(context: Context, job: str) -> Response:
    """Return a job's alpha matte as a grey PNG at full size, 0 for the background.

    Raises:
        ProblemError: the job has no result, or it cannot be decoded.
    """
    told = await run_in_threadpool(context.desk.job, job)
    stored = next(
        (number for number, each in enumerate(told.outputs) if each.path.endswith("_matte.png")), None
    )
    if stored is not None:
        return FileResponse(await run_in_threadpool(context.desk.result, job, stored), media_type="image/png")
    return await _made(context, await run_in_threadpool(context.desk.result, job), "matte", 0, "image/png")


async def _made(context: Context, place: Path, what: str, side: int, media_type: str) -> Response:
    status = await run_in_threadpool(place.stat)
    name = f"{place}\0{status.st_size}\0{status.st_mtime_ns}\0{what}\0{side}"
    kept = (
        context.settings.state_dir
        / FOLDER
        / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    )
    if not kept.exists():
        async with context.one_preview:
            if not kept.exists():
                await _make(context, place, kept, what, side)
                await run_in_threadpool(_tidy, kept.parent)
    return FileResponse(kept, media_type=media_type, headers={"Cache-Control": "private, max-age=300"})


class Maker:
    """The child process; started when needed, and again after a picture that ended it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def make(self, request: dict[str, object]) -> str | None:
        """Have a preview made; return why that failed, None if it did not.

        Args:
            request: `what` (`thumbnail` or `matte`), `place` and `target` (paths), `side` in pixels.
        """
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)
            return str(error) if (error := json.loads(line)["error"]) else None
        except TimeoutError:
            await self.close()
            return "it takes too long to show"
        except (ValueError, OSError):
            await self.close()
            return "it breaks the program that reads it"

    async def close(self) -> None:
        """End the child process."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._process = None


async def _make(context: Context, place: Path, kept: Path, what: str, side: int) -> None:
    kept.parent.mkdir(mode=0o750, exist_ok=True)
    temp = kept.with_suffix(".part")
    error = await context.maker.make({"what": what, "place": str(place), "target": str(temp), "side": side})
    if error is not None:
        raise ProblemError(422, error)
    temp.replace(kept)


def _tidy(folder: Path) -> None:
    kept = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime)
    for entry in kept[:-MOST_KEPT]:
        with suppress(OSError):
            Path(entry.path).unlink()
