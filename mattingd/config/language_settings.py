"""The settings of the language model that understands sentences."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le, MinLen, doc

from mattingd.config.value_types import HttpAddress, PathText


@dataclass(frozen=True, slots=True)
class Language:
    """A language model for `mattingd say` and the page; without one, sentences go by the built-in grammar.

    It gets the sentence alone, never a picture or a file name.
    """

    base_url: HttpAddress | None = None
    """Address of an OpenAI-compatible server, such as `http://127.0.0.1:11434/v1`; needs `model`."""
    model: Annotated[str, MinLen(1), doc("a model's name")] | None = None
    """Name of the model on that server."""
    api_key_file: PathText | None = None
    """A file with the key for the server, on its first line; not needed for servers without one."""
    seconds: Annotated[float, Gt(0), Le(120)] = 15.0
    """An answer that takes longer is not waited for, and the built-in grammar takes over."""
