"""`mattingd check`."""

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def check(config: Config = None, json: Json = False) -> None:
    """Check the configuration, and count waiting pictures."""
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.check(config, as_json=json))
