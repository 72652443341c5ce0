"""Types of text for models: bounded, anchored, and the same in the handler (pydantic) and at the edge (JSON Schema).

Their patterns keep to what ECMA-262, Python and pydantic's engine read alike, so that one model serves all three. What
is let in is stored as it is: escaping belongs to whoever shows it. The document's own fields are the first three; the
others are for models of your own.
"""

from typing import Annotated

from pydantic import Field

_NOT_SEEN = r"\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"

#: A file's name: nothing that is not seen, no slash of either kind. The model refuses the rarer such characters too.
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=rf"^[^{_NOT_SEEN}/\\]+$")]
#: A media type without parameters, such as ``application/pdf`` (RFC 6838).
MediaType = Annotated[str, Field(max_length=127, pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}$")]
#: A SHA-256 digest in lower-case hexadecimal.
Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]

#: An address such as ``jane.o'brien+news@mail.example.com``: HTML's definition, and a domain of two labels or more.
Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,63}$",
    ),
]
#: A telephone number as E.164 writes it: ``+442071838750``.
Phone = Annotated[str, Field(max_length=16, pattern=r"^\+[1-9][0-9]{1,14}$")]
#: ASCII letters and digits, 1 to 1000.
Alphanumeric = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9]+$")]
#: A line of text in any script, 1 to 1000 characters, without control, bidirectional, zero-width and separator
#: characters. Quotes, angle brackets and semicolons are text.
SafeString = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1000,
        pattern=rf"^[^{_NOT_SEEN}]+$",
    ),
]
