"""Reading of published files, from a folder or out of a .tar.gz archive, with the checksum of what was read."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from ..errors import DataError

#: No file and no unpacked archive of the data sets read here has half of this.
MOST_BYTES = 1 << 29
_CHUNK_BYTES = 1 << 20
_FAILURES = (OSError, EOFError, ValueError, OverflowError, tarfile.TarError, zlib.error)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Watched:
    """A stream that refuses to give more than `MOST_BYTES`, and sums up what it gave."""

    def __init__(self, file: _Readable, name: str) -> None:
        self._file, self._name, self._given = file, name, 0
        self._sum = hashlib.md5(usedforsecurity=False)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most `size`."""
        data = self._file.read(size)
        self._given += len(data)
        if self._given > MOST_BYTES:
            raise DataError(f"{self._name}: holds more than {MOST_BYTES} bytes, as no published file does")
        self._sum.update(data)
        return data

    def rest(self) -> str:
        """Read up to the end and return the MD5 sum of the whole, hexadecimal."""
        while self.read(_CHUNK_BYTES):
            pass
        return self._sum.hexdigest()


def read_files(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes, str]]:
    """Yield (name, content, MD5) of files of a folder.

    Raises
    ------
    DataError : a file that is missing, cannot be read or is far too large.
    """
    for name in names:
        with _opened(folder / name) as plain:
            watched = _Watched(plain, str(folder / name))
            pieces = []
            while piece := watched.read(_CHUNK_BYTES):
                pieces.append(piece)
            total = watched.rest()
        yield name, b"".join(pieces), total


def read_members(path: Path, names: Iterable[str], take: Callable[[str, bytes], None]) -> str:
    """Hand the content of members of a .tar.gz archive to `take`, one by one, and return the archive's MD5.

    The archive is read once, as a stream; nothing is written to disk, links and devices are passed over.

    Parameters
    ----------
    path : the archive.
    names : of the members, folder included.
    take : is given (name, content) in the order of the archive.

    Raises
    ------
    DataError : damaged, cut short, no archive, far too large when unpacked, a member missing or there twice.
    """
    missing = set(names)
    wanted = frozenset(missing)
    with _opened(path) as plain:
        packed = _Watched(plain, str(path))
        with gzip.GzipFile(fileobj=packed, mode="rb") as unpacked:  # type: ignore[call-overload]
            watched = _Watched(unpacked, str(path))
            with tarfile.open(fileobj=watched, mode="r|") as archive:  # type: ignore[call-overload]
                for name, content in _members(archive, wanted, path):
                    if name not in missing:
                        raise DataError(f"{path}: holds {name} twice; get the archive again")
                    missing.remove(name)
                    take(name, content)
            watched.rest()
        total = packed.rest()
    if missing:
        raise DataError(f"{path}: {', '.join(sorted(missing))} not in the archive; get the archive again")
    return total


def file_sum(path: Path) -> str:
    """Return the MD5 of a file.

    Raises
    ------
    DataError : it is missing, cannot be read or is far too large.
    """
    with _opened(path) as plain:
        return _Watched(plain, str(path)).rest()


def verdict(path: str | Path, total: str, published: str | None) -> str:
    """Return the line that tells a file's MD5 and whether it is the published one, where that is known."""
    if published is None:
        against = "no published sum is known"
    elif total == published:
        against = "as published"
    else:
        against = f"NOT the published {published}"
    return f"{path}: md5 {total}, {against}"


def _members(archive: tarfile.TarFile, wanted: frozenset[str], path: Path) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        if member.size < 0:
            raise DataError(f"{path}: {member.name[:200]!a} has a negative size; get the archive again")
        name = member.name.removeprefix("./")
        if name not in wanted or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            continue
        file = archive.extractfile(member)
        yield name, b"" if file is None else file.read()


class _opened:
    """A file opened for reading, whose every failure, also in the block, is a `DataError` that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> BinaryIO:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise DataError(f"{self._path}: cannot be read ({error.strerror}); check the path") from error
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, _FAILURES) and not isinstance(error, DataError):
            raise DataError(f"{self._path}: cannot be read ({error}); get the file again") from error
