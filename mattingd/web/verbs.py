"""Runs verbs of the command line for the page, each as a process that prints JSON."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from mattingd.web.problems import ProblemError

if TYPE_CHECKING:
    from mattingd.web.context import Context

PATIENCE_SECONDS = 120.0


async def run(
    context: "Context", *arguments: str, judged: bool = True, patience: float = PATIENCE_SECONDS
) -> Any:
    """Run `mattingd ARGUMENTS --json` and return what it printed.

    Args:
        context: for the configuration file.
        arguments: the verb and its own arguments.
        patience: time limit in seconds; then the process is killed.
        judged: whether an exit code other than 0 is an error; for `doctor` it means findings.

    Raises:
        ProblemError: it failed or ran too long; the detail is its message.
    """
    command = [sys.executable, "-m", "mattingd", *arguments, "--json", "--config", str(context.config)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), patience)
    except (TimeoutError, asyncio.CancelledError) as ended:
        process.kill()
        await process.wait()
        if isinstance(ended, asyncio.CancelledError):
            raise
        raise ProblemError(504, f"`mattingd {' '.join(arguments)}` gives no answer") from None
    if process.returncode and (judged or not out.strip()):
        said = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        raise ProblemError(409, said.removeprefix("mattingd: "))
    try:
        return json.loads(out)
    except ValueError:
        return [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
