"""Tells a failure as one sentence with the way out."""

import errno
import http.client
import urllib.error

import botocore.exceptions  # type: ignore[import-untyped]

from local.folder import FOLDER, LocalError, shown
from profiles.reading import ProfileError

#: What a shell takes for a command that Ctrl-C ended.
INTERRUPTED = 130


class DeploymentError(RuntimeError):
    """A deployment cannot go on; the message says why and what to do."""


def sentence(error: BaseException, *, verb: str) -> str | None:
    """Return what a person has to know of the failure; None for one that is a fault of this program."""
    match error:
        case LocalError() | DeploymentError() | ProfileError():
            return str(error)
        case KeyboardInterrupt():
            return (
                f"\nstopped in the middle of {verb}; what was done stays as it is, and nothing is lost: run the same "
                "command again, it goes on from there"
            )
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return (
                f"the disk is full; nothing that was saved is lost: free some space on the disk that holds "
                f"{shown(FOLDER)}, and run the same command again"
            )
        case BrokenPipeError():
            return f"whoever read what {verb} says has ended, and {verb} with it; run the same command again"
        case urllib.error.URLError() | ConnectionError() | TimeoutError() | http.client.HTTPException():
            return f"the API does not answer: {error}; `make status` tells what runs, `make logs` why"
        case PermissionError():
            return (
                f"{error.filename} cannot be used by this account: {error.strerror}; run this as the account that owns "
                "it, or, for another local AWS, set LOCAL_FOLDER to a folder of your own"
            )
        case botocore.exceptions.HTTPClientError() | botocore.exceptions.ConnectionError():
            return f"AWS does not answer: {error}; see whether the network is there, and run the same command again"
        case botocore.exceptions.ClientError():
            return f"AWS refused a call: {error}"
    return None
