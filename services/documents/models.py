"""What a caller may send; the same model gives the API's edge its JSON Schema."""

import re
import unicodedata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_SIZE = 100 * 1024 * 1024

# Classes of characters that no name needs: control, format (the bidirectional ones too), surrogates, line separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# The patterns mean the same in ECMA-262 (the edge), in Python and in pydantic's engine.
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\u0000-\u001f\u007f/\\]+$")]
MediaType = Annotated[str, Field(max_length=127, pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}$")]
Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]
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
