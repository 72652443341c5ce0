"""Put a Lambda function's locked packages beside its code: arm64 wheels, the same bytes wherever it runs, no Docker.

A function's folder holds its code, ``requirements.txt`` (a lock with hashes, compiled for the
function's platform) and ``requirements.sha256`` (the digests of the lock and of the packages that come
of it). This module puts ``site-packages.zip`` into that folder, and ``site-packages.sha256`` beside it, which tells
an archive that was touched from the one that was made; :func:`secure_backend.lambda_code.lambda_code`
adds the code and makes the asset of both. The command does nothing where the packages are already right::

    python -m secure_backend.lambda_packages services/documents            # fetch what is missing
    python -m secure_backend.lambda_packages --rebuild services/documents  # fetch all again and compare
    python -m secure_backend.lambda_packages --record services/documents   # after compiling a new lock

Wheels are unpacked, not installed: nothing of theirs runs, and no file says where or when it was done.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

PACKAGES = "site-packages.zip"
STAMP = "site-packages.sha256"
LOCK = "requirements.txt"
RECORD = "requirements.sha256"
PYTHON_VERSION = "3.14"
# Lambda's Python 3.14 runs on Amazon Linux 2023, which has glibc 2.34: any older manylinux will do, the newest first.
PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in range(34, 16, -1)), "manylinux2014_aarch64")
# The record's and the stamp's line for what the packages contain: an archive's own bytes depend on who compressed it.
_CONTENT = "site-packages"
# The earliest date that an archive can hold: when a file was written must not count.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What an installer writes about itself, and what only a compiler or a test runner wants.
_UNWANTED_NAMES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "__pycache__", "tests", "test"})
_COMMAND = "python -m secure_backend.lambda_packages"


class LambdaPackagesError(RuntimeError):
    """The packages of a function are missing, or are not those of its lock; the message says what to do."""


def tree_files(folder: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield the folder's files in one order everywhere, without the bytecode that a Python may have left there.

    :param without: names directly in the folder that are left out.
    """
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and path.relative_to(folder).parts[0] not in without and path.is_file()
    }
    yield from (found[name] for name in sorted(found))


def tree_digest(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return the SHA-256 of names and contents; times, modes and bytecode do not count.

    :param without: names directly in the folder that do not count either.
    """
    digest = hashlib.sha256()
    for path in tree_files(folder, without=without):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def add_to_archive(archive: zipfile.ZipFile, folder: Path, *, under: str = "", without: Collection[str] = ()) -> None:
    """Add the folder's files to an archive, the same way whenever and wherever it is done.

    :param under: the folder in the archive to put them into.
    :param without: names directly in the folder that are left out.
    """
    for path in tree_files(folder, without=without):
        entry = zipfile.ZipInfo(str(PurePosixPath(under, path.relative_to(folder).as_posix())), _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3  # Unix, on any machine: the mode counts on Lambda
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, path.read_bytes())


def check_packages(folder: Path) -> Path:
    """Return the archive of packages, or raise :class:`LambdaPackagesError` unless it is that of the folder's lock."""
    problem = _problem(folder)
    if problem:
        raise LambdaPackagesError(f"{folder}: {problem}; run: {_COMMAND} {folder}")
    return folder / PACKAGES


def recorded_digest(folder: Path) -> str:
    """Return the digest of the packages that the folder's record names."""
    return _digests(folder / RECORD)[_CONTENT]


def vendor(folder: Path, *, rebuild: bool = False) -> bool:
    """Fetch the folder's packages unless they are there, and compare them with the record.

    :param folder: holds ``requirements.txt`` and ``requirements.sha256``.
    :param rebuild: fetch them even when they are there.
    :returns: whether anything was fetched.
    :raises LambdaPackagesError: when what comes of the lock is not what was recorded.
    """
    if not rebuild and _problem(folder) is None:
        return False
    recorded = _digests(folder / RECORD)
    if recorded.get(LOCK) != _lock_digest(folder):
        raise LambdaPackagesError(
            f"{folder / LOCK} is not the lock that {RECORD} was made of; "
            f"restore it, or, if it was changed on purpose, run: {_COMMAND} --record {folder}"
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".vendor-") as scratch:
        built = _build(folder / LOCK, Path(scratch))
        digest = tree_digest(built)
        if digest != recorded.get(_CONTENT):
            raise LambdaPackagesError(
                f"{folder / LOCK} gives packages with SHA-256 {digest}, but {RECORD} says {recorded.get(_CONTENT)}; "
                f"find out why before shipping them: the lock's hashes have not changed, so the unpacking has "
                f"(if this module was changed on purpose, run: {_COMMAND} --record {folder})"
            )
        _store(folder, built, digest)
    return True


def record(folder: Path) -> None:
    """Fetch the folder's packages and write down their digest and the lock's: for a lock that was just compiled."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".vendor-") as scratch:
        built = _build(folder / LOCK, Path(scratch))
        digest = tree_digest(built)
        lines = f"{_lock_digest(folder)}  {LOCK}\n{digest}  {_CONTENT}\n"
        (folder / RECORD).write_text(lines, encoding="ascii", newline="\n")
        _store(folder, built, digest)


def unpack(wheel: Path, target: Path) -> None:
    """Unpack what a function imports from a wheel, and its licences; leave out scripts, tests and records."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            parts = _destination(PurePosixPath(entry.filename))
            if entry.is_dir() or parts is None:
                continue
            path = target.joinpath(*parts)
            if path.exists():
                raise LambdaPackagesError(f"{wheel.name} brings {'/'.join(parts)} a second time; remove one of the two")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(entry))


def _destination(name: PurePosixPath) -> tuple[str, ...] | None:
    parts = name.parts
    if name.is_absolute() or ".." in parts:
        raise LambdaPackagesError(f"a wheel holds the path {name}, which leads out of it; do not use that wheel")
    if parts[0].endswith(".data"):
        if len(parts) < 3 or parts[1] not in {"purelib", "platlib"}:
            return None
        parts = parts[2:]
    return None if _UNWANTED_NAMES.intersection(parts) else parts


def _build(lock: Path, scratch: Path) -> Path:
    wheels, built = scratch / "wheels", scratch / "packages"
    built.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={PYTHON_VERSION}", *(f"--platform={platform}" for platform in PLATFORMS)]
    result = subprocess.run(  # noqa: S603 - this interpreter's pip, with arguments of ours
        [*command, f"--dest={wheels}", f"--requirement={lock}"], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise LambdaPackagesError(
            f"pip could not fetch the wheels of {lock} (it needs the package index): {result.stderr.strip()}"
        )
    for wheel in sorted(wheels.glob("*.whl")):
        unpack(wheel, built)
    return built


def _store(folder: Path, built: Path, digest: str) -> None:
    """Write the archive, then the stamp: where it is interrupted between the two, the archive is made again."""
    archive = built.parent / PACKAGES
    with zipfile.ZipFile(archive, "w") as opened:
        add_to_archive(opened, built)
    stamp = f"{_file_digest(archive)}  {PACKAGES}\n{digest}  {_CONTENT}\n"
    archive.replace(folder / PACKAGES)
    (folder / STAMP).write_text(stamp, encoding="ascii", newline="\n")


def _problem(folder: Path) -> str | None:
    archive, recorded, stamped = folder / PACKAGES, _digests(folder / RECORD), _digests(folder / STAMP)
    if not archive.is_file():
        return f"the packages of {LOCK} are not there"
    if recorded.get(LOCK) != _lock_digest(folder):
        return f"{LOCK} has changed since {RECORD} was written"
    if recorded.get(_CONTENT) is None or recorded.get(_CONTENT) != stamped.get(_CONTENT):
        return f"{PACKAGES} is not what {RECORD} says"
    if stamped.get(PACKAGES) != _file_digest(archive):
        return f"{PACKAGES} has changed since it was made"
    return None


def _sizes(archive: Path) -> str:
    """Return what a cold start has to fetch and unpack."""
    with zipfile.ZipFile(archive) as packages:
        unpacked = sum(entry.file_size for entry in packages.infolist())
    packed = archive.stat().st_size
    return f"{packed / 2**20:.1f} MiB, unpacked {unpacked / 2**20:.1f} of Lambda's 250"


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lock_digest(folder: Path) -> str:
    # A checkout may have turned the line ends round.
    return hashlib.sha256((folder / LOCK).read_text(encoding="utf-8").encode()).hexdigest()


def _digests(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; say in one line a folder what was done."""
    parser = argparse.ArgumentParser(prog=_COMMAND, description="Fetch the locked arm64 packages of Lambda functions.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help=f"holds {LOCK} and {RECORD}")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--rebuild", action="store_true", help="fetch everything again and compare with the record")
    how.add_argument("--record", action="store_true", help="write the record, after compiling a new lock")
    options = parser.parse_args(arguments)
    for folder in options.folders:
        try:
            if options.record:
                record(folder)
                done = f"recorded in {RECORD}"
            else:
                done = "fetched, as recorded" if vendor(folder, rebuild=options.rebuild) else "already there"
        except (LambdaPackagesError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{folder}/{PACKAGES}: {done}; {_sizes(folder / PACKAGES)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
