"""Requests and answers of the API, as its OpenAPI document shows them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

JobState = Literal["waiting", "working", "done", "failed", "gone"]


class Schema(BaseModel):
    """The settings of all schemas."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OutputFile(Schema):
    """A finished file."""

    path: str = Field(description="Below the output folder.")
    size: int | None = Field(default=None, description="Bytes.")
    url: str


class Job(Schema):
    """A picture that waits, is in work, or has ended."""

    id: str
    name: str = Field(description="The file's name.")
    folder: str = Field(description="The hot folder it came by; `web` for the page and the API.")
    state: JobState
    stage: str = Field(description="The state in the journal, as docs/LIFECYCLE.md has it.")
    reason: str = Field(default="", description="Why it failed, or waits.")
    plainly: str = Field(
        default="", description="The same for whoever dropped it, without technical details and settings."
    )
    confidence: float | None = Field(default=None, description="Confidence in its matte, from 0 to 1.")
    model: str | None = Field(default=None, description="Name of the model that made its matte.")
    needs_look: bool = Field(default=False, description="Whether the cut-out needs checking.")
    created: str | None = None
    ended: str | None = None
    version: int = Field(default=0, description="Rises each time it is made again; 0 before it is admitted.")
    successor: str | None = Field(
        default=None, description="Id of the newest job of the same file, if this one is older."
    )
    batch: str | None = Field(default=None, description="The request it was uploaded with.")
    wanted: dict[str, Any] = Field(
        default_factory=dict, description="Preset and settings it was uploaded with."
    )
    outputs: list[OutputFile] = Field(default_factory=list)


class JobPage(Schema):
    """Jobs, newest first."""

    items: list[Job]
    next: str | None = Field(default=None, description="`cursor` of the next page; null after the last one.")
    total: int


class Batch(Schema):
    """The jobs of one upload."""

    id: str
    jobs: list[Job]


class Background(Schema):
    """An uploaded background picture."""

    background: str = Field(description="Its name, the value of `background` in `settings`.")


class Redo(Schema):
    """Other settings for a job."""

    preset: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class Strokes(Schema):
    """Brush strokes on a picture."""

    keep: str | None = Field(
        default=None, description="A PNG in base64; what is painted is kept. Empty text removes it."
    )
    drop: str | None = Field(default=None, description="The same for what is removed.")


class FolderWish(Schema):
    """A choice of hot folders."""

    folders: list[str] = Field(
        default_factory=list, description="Names of hot folders; an empty list means all."
    )


class ModelWish(Schema):
    """The model to use."""

    model: str = Field(description="Its name, or the beginning of its hash.")


class ModelGet(Schema):
    """The model of the catalogue to fetch."""

    model: str = Field(description="Its name.", max_length=100)
    accept_licence: bool = Field(default=False, description="Whether you have read its licence and agree.")


class Fetched(Schema):
    """The progress of fetching a model."""

    model: str
    state: Literal["running", "done", "failed"]
    said: str = Field(default="", description="Why it failed.")


class Instruction(Schema):
    """A sentence of a user."""

    text: str = Field(min_length=1, max_length=600)


class Understood(Schema):
    """A sentence as preset and settings, to be confirmed; `/jobs` and `/redo` take both unchanged."""

    preset: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    said: list[str] = Field(default_factory=list, description="Each setting in words.")
    unclear: list[str] = Field(default_factory=list, description="What was not understood.")
    refused: str = Field(default="", description="Why nothing of it is done.")
    by: str = Field(default="grammar", description="`grammar` or `language model`.")
    note: str = Field(default="", description="Why the language model was not used.")


class LogLine(Schema):
    """A line of the daemon's log; passwords, tokens and keys are masked."""

    number: int = Field(description="Counted since the daemon started.")
    at: str
    level: str
    event: str
    said: str


class PresetInfo(Schema):
    """A preset."""

    name: str
    settings: dict[str, Any]


class Health(Schema):
    """Whether the page or the daemon works."""

    status: Literal["ok", "not ready"]
    why: str = ""
