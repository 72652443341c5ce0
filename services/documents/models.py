"""What a caller may send and is sent; the same models give the API's edge its JSON Schema, and the docs theirs."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from .text_types import MediaType, Name, Sha256

MAX_SIZE = 100 * 1024 * 1024

# Classes of characters that no name needs: control, format (the bidirectional ones too), surrogates, line separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]


class NewDocument(BaseModel):
    """A document that a caller is about to upload."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Name
    type: MediaType
    size: Size
    sha256: Sha256

    @field_validator("name")
    @classmethod
    def _composed_and_visible(cls, name: str) -> str:
        composed = unicodedata.normalize("NFC", name)
        if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in composed):
            raise ValueError("must not hold control, bidirectional or separator characters")
        if composed != composed.strip() or not re.search(r"[^.\s]", composed):
            raise ValueError("must not begin or end with a space, and must hold more than dots")
        return composed


class UploadForm(BaseModel):
    """Address and fields of the form with which this one document is uploaded, as multipart/form-data."""

    model_config = ConfigDict(extra="forbid")

    url: str
    fields: dict[str, str]
    expires_in: Annotated[int, Field(description="Seconds.")]


class Download(BaseModel):
    """Where the stored document can be had, by whoever has the address."""

    model_config = ConfigDict(extra="forbid")

    url: str
    expires_in: Annotated[int, Field(description="Seconds.")]


class Document(BaseModel):
    """A document of the caller's."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    name: Name
    type: MediaType
    size: Size
    sha256: Sha256
    state: Literal["pending", "stored", "rejected"]
    created_at: datetime
    stored_at: datetime | SkipJsonSchema[None] = None
    reason: Annotated[str | SkipJsonSchema[None], Field(description="Why it was rejected.")] = None
    upload: UploadForm | SkipJsonSchema[None] = None
    download: Download | SkipJsonSchema[None] = None

    def shown(self) -> dict[str, Any]:
        """Return what goes into an answer: nothing that is empty."""
        return self.model_dump(mode="json", exclude_none=True)


class Page(BaseModel):
    """Some of the caller's documents, the newest first."""

    model_config = ConfigDict(extra="forbid")

    documents: list[Document]
    next: Annotated[UUID | None, Field(description="What to send as `after` for the following page, if there is one.")]


class FieldProblem(BaseModel):
    """What is wrong with one field; what was sent is not sent back."""

    model_config = ConfigDict(extra="forbid")

    field: str
    problem: str


class ProblemDetails(BaseModel):
    """What the caller can do about it (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["about:blank"]
    title: str
    status: int | SkipJsonSchema[None] = None
    detail: str
    errors: list[FieldProblem] | SkipJsonSchema[None] = None
    requestId: str | SkipJsonSchema[None] = None  # noqa: N815 - API Gateway's own answers name it so
