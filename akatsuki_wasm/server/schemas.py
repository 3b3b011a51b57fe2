"""The documents that the API answers, as pydantic models: for /openapi.json, and for tests to hold answers against.

The documents themselves are written by `akatsuki_wasm.documents`; answers are not passed through these models.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations
from typing import Any, Literal
from uuid import UUID  # noqa: TC003 - pydantic reads the annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from akatsuki_wasm.contracts import OwnerType, Status  # noqa: TC001 - pydantic reads the annotations

Outcome = Literal["success", "error", "timeout"]
NonNegative = Field(ge=0)


class Document(BaseModel):
    """A JSON object in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Problem(Document):
    """An RFC 9457 problem. `code` is stable and names the class of the error; some have more facts."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:akatsuki-wasm:error:` and the code.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="One line: what was wrong, what was got beside what was expected.")
    code: str
    hint: str = Field(description="The next thing to do, or empty.")
    retry_after: float | None = Field(default=None, description="Seconds after which asking again may help.")


class ParameterDocument(Document):
    """A parameter of a function."""

    name: str
    type: str = Field(description="In WIT.")
    description: str
    minimum: float | None
    maximum: float | None
    default: Any = Field(default=None, description="Only there where there is one.")
    required: bool


class FunctionDocument(Document):
    """A function of a module."""

    name: str = Field(description="snake_case")
    signature: str = Field(description="In WIT.")
    description: str
    batch: bool = Field(description="Whether it has a column lane.")
    parameters: list[ParameterDocument]
    result: str | None = Field(description="In WIT.")


class ModuleDocument(Document):
    """A stored module."""

    id: UUID
    name: str
    version: str
    digest: str = Field(pattern="^[0-9a-f]{64}$", description="sha256 of the bytes.")
    description: str
    functions: list[FunctionDocument]
    owner_type: OwnerType
    owner_id: UUID
    status: Status
    is_public: bool
    allowed_users: list[UUID] = Field(
        description="With whom it is shared. Its owner and admins see all of them, others themselves alone."
    )
    size: int = Field(gt=0, description="Bytes.")
    timeout_ms: int
    max_execution_time_ms: int
    max_memory_pages: int = Field(description="Of 64 KiB.")
    created_at: datetime
    updated_at: datetime
    manifest: dict[str, Any] = Field(description="What the module says of itself, as in its section akatsuki.module.")
    provenance: dict[str, Any] = Field(description="How it came to be. What an uploader says of a build is his claim.")
    metadata: dict[str, Any] = Field(description="Its owner's own.")


class ModulePage(Document):
    """A page of modules."""

    items: list[ModuleDocument]
    next_cursor: str | None


class ModuleOfExecution(Document):
    """The module that was executed; name and version are null where it was deleted since."""

    id: UUID | None
    name: str | None
    version: str | None


class ExecutionDocument(Document):
    """An execution of the history."""

    id: UUID
    module: ModuleOfExecution
    function: str
    status: Outcome
    input: Any = Field(description="A summary of the arguments.")
    output: Any = Field(description="A summary of the result.")
    error: str | None
    execution_time_ms: float = NonNegative
    memory_used_bytes: int = NonNegative
    cache_hit: bool
    executor_id: UUID
    executed_at: datetime


class ExecutionPage(Document):
    """A page of executions."""

    items: list[ExecutionDocument]
    next_cursor: str | None


class StatusCounts(Document):
    """How many executions ended how."""

    success: int = NonNegative
    error: int = NonNegative
    timeout: int = NonNegative


class StatsDocument(Document):
    """Figures of a module's executions."""

    count: int = NonNegative
    by_status: StatusCounts
    errors: dict[str, int] = Field(description="How many failed, by the code of the error.")
    success_rate: float | None = Field(description="From 0 to 1; null without executions.")
    p50_ms: float | None = Field(description="Median time of the successful ones, milliseconds.")
    p95_ms: float | None = Field(description="95th percentile of the same.")


class GenerationDocument(Document):
    """What became of a prompt."""

    id: UUID
    prompt: str
    generator: str
    model: str | None
    status: Literal["success", "error"]
    error: str | None
    module: ModuleOfExecution
    digest: str | None
    attempt_count: int
    tokens_in: int | None
    tokens_out: int | None
    price: float | None
    replayed: bool
    seconds: float
    parent_id: UUID | None
    owner_id: UUID
    created_at: datetime


class WholeGenerationDocument(GenerationDocument):
    """What became of a prompt, with what was asked for and all attempts."""

    request: dict[str, Any]
    attempts: list[dict[str, Any]]


class GenerationPage(Document):
    """A page of generations."""

    items: list[GenerationDocument]
    next_cursor: str | None


class CacheDocument(Document):
    """Compiled modules in the memory of the process that answers."""

    process: int = Field(description="Its id: each process of a service has a cache of its own.")
    hits: int = NonNegative
    misses: int = NonNegative
    evictions: int = NonNegative
    modules: int = NonNegative
    capacity: int = NonNegative
    bytes: int = Field(ge=0, description="Of compiled code.")
    hit_rate: float | None = Field(description="From 0 to 1; null before the first execution.")


class HealthDocument(Document):
    """The process answers."""

    status: Literal["ok"]
