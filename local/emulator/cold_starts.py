"""Functions start as on AWS, where each has a processor of its own and its start is not counted as its time.

A process that starts waits until another one has started, when there are more of them than processors. It finds the
packages for this machine beside the emulator, so those in the function's archive, which are for Lambda's, are not
unpacked for it.
"""

import functools
import io
import os
import threading
import zipfile
from pathlib import Path
from typing import Any


def start_by_processor(lambda_runtime: Any, packages: Path) -> None:
    """Start as many functions at once as there are processors, each with its own code alone.

    :param packages: the folder of the functions' packages for this machine.
    """
    worker, places = lambda_runtime.Worker, threading.BoundedSemaphore(os.cpu_count() or 1)
    spawn, make, known = worker._spawn, worker.__init__, {path.name for path in packages.iterdir()}

    @functools.lru_cache(maxsize=8)
    def own(archive: bytes) -> bytes:
        kept = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(archive)) as full, zipfile.ZipFile(kept, "w") as small:
            for entry in full.infolist():
                if entry.filename.partition("/")[0] not in known:
                    small.writestr(entry, full.read(entry))
        return kept.getvalue()

    def with_own_code(self: Any, name: str, configuration: dict[str, Any], archive: bytes) -> None:
        make(self, name, configuration, own(archive))

    def in_turn(self: Any) -> None:
        with places:
            spawn(self)

    worker.__init__, worker._spawn = with_own_code, in_turn
