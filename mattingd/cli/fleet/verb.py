"""The options of `mattingd dask-worker`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb


def dask_worker(  # noqa: PLR0913, PLR0917 - the options of the verb
    scheduler: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Of the scheduler, such as tls://10.0.0.5:8786.")
    ],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model, if the daemon uses another than its own.")
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N; one worker for each.")
    ] = "auto",
    precision: Annotated[str, typer.Option(metavar="FORMAT", help="auto, fp32, bf16 or fp16.")] = "auto",
    pictures: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures at once.")] = 2,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What `mattingd status` calls it.", show_default=False)
    ] = None,
    memory_gb: Annotated[
        float | None, typer.Option(min=0.5, metavar="GB", help="Memory that it may take. Default: 80 %.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="The authority's certificate.")] = None,
    cert: Annotated[Path | None, typer.Option(metavar="FILE", help="This machine's certificate.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
) -> None:
    """Make cut-outs for a daemon on another machine, with Dask.

    The model is loaded and tested first. The daemon must have the same version and the same model. It runs
    until it is stopped, and joins again when the scheduler was away.
    """
    from mattingd.cli.fleet import dask_worker as command  # noqa: PLC0415

    order = command.Order(scheduler, model, device, precision, pictures, name, memory_gb, ca, cert, key)
    run_verb(lambda: command.serve(order))
