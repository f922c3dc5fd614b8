"""Cache digests, headers, embeddings and previews in one SQLite file: a second run reads nothing.

Files are known by device, inode, size and times; everything else is stored by the digest of the
content, so of renamed and moved files only the digest is computed anew. Pairs that a person
declared distinct are stored, too. If anything goes wrong with the cache, the run warns and
continues without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs

from dupimg.messages import Message

# Part of the file's name: count it up whenever a table changes.
_VERSION = 3

# SQLite's own field for marking the files of a program: "dupi".
_APPLICATION = 0x64757069

# SQLite allows 32,766 placeholders in a statement, older ones 999.
_AT_ONCE = 500

# Writes are collected this long: a killed run loses at most this much work.
_SECONDS_BETWEEN_COMMITS = 2.0

# FAT keeps times in steps of two seconds.
_SETTLED_NANOSECONDS = 2_000_000_000

# How long to wait for another process that writes.
_WAIT_SECONDS = 5.0

_TABLES = """
CREATE TABLE IF NOT EXISTS files (status TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS headers (
    digest TEXT, reader TEXT, header TEXT NOT NULL, PRIMARY KEY (digest, reader)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS embeddings (
    digest TEXT, fingerprint TEXT, content BLOB NOT NULL, PRIMARY KEY (digest, fingerprint));
CREATE TABLE IF NOT EXISTS pairs (
    pair BLOB NOT NULL, version TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (pair, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS previews (digest TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS distinct_pairs (
    first TEXT, second TEXT, PRIMARY KEY (first, second)) WITHOUT ROWID;
"""


class CacheWarning(UserWarning):
    """The cache cannot be used; everything is computed anew."""


def cache_path(choice: str | None) -> Path | None:
    """Return the file that holds the cache.

    Parameters
    ----------
    choice : str or None
        A path, "none" for no cache, or None for the file in the cache folder of the user.
    """
    if choice is None:
        return Path(platformdirs.user_cache_dir("dupimg")) / f"cache-{_VERSION}.sqlite"
    return None if choice == "none" else Path(choice)


class Cache:
    """Remember digests, headers, embeddings, previews and a person's decisions between runs.

    Parameters
    ----------
    path : Path or None
        The file; None remembers nothing.

    Notes
    -----
    Several processes may use one file at once, and any thread may call any method. Use it as a
    context manager; entering opens the file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._committed = 0.0

    def __enter__(self) -> Cache:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = _open(self._path)
            except (OSError, sqlite3.Error) as error:
                self._give_up(error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            try:
                self._connection.commit()
                self._connection.close()
            except sqlite3.Error as problem:
                self._give_up(problem)
        self._connection = None

    def digests(self, statuses: Sequence[os.stat_result]) -> list[str | None]:
        """Return the digests of files that are unchanged since they were last read.

        Parameters
        ----------
        statuses : sequence of os.stat_result

        Returns
        -------
        list of (str or None)
            None for a file that is new or changed.
        """
        keys = [_status_key(status) for status in statuses]
        known = dict(
            self._select("SELECT status, digest FROM files WHERE status IN ({})", (), keys)
        )
        return [known.get(key) for key in keys]

    def remember_digest(self, status: os.stat_result, digest: str) -> None:
        """Remember the content of a file, unless it was written a moment ago.

        Another write within the same step of the file's clock would not show in its time.
        """
        if time.time_ns() - status.st_mtime_ns < _SETTLED_NANOSECONDS:
            return
        self._write("INSERT OR REPLACE INTO files VALUES (?, ?)", (_status_key(status), digest))

    def headers(self, digests: Iterable[str], reader: str) -> dict[str, Any]:
        """Return the remembered headers of contents.

        Parameters
        ----------
        digests : iterable of str
        reader : str
            Version and settings of the reader.

        Returns
        -------
        dict of str to JSON values or Message
            By digest; without those that are not known. A message says why a content is no photo.
        """
        query = "SELECT digest, header FROM headers WHERE reader = ? AND digest IN ({})"
        found = self._select(query, (reader,), digests)
        return {digest: _read_header(json.loads(header)) for digest, header in found}

    def remember_header(self, digest: str, reader: str, header: Any) -> None:
        """Remember the header of a content; `header` holds JSON values."""
        self._write(
            "INSERT OR REPLACE INTO headers VALUES (?, ?, ?)", (digest, reader, json.dumps(header))
        )

    def remember_unreadable(self, digest: str, reader: str, reason: Message) -> None:
        """Remember why a content is no photo."""
        self.remember_header(digest, reader, {"unreadable": reason.to_json()})

    def embeddings(self, digests: Iterable[str], fingerprint: str) -> Mapping[str, bytes]:
        """Return the remembered embeddings of contents.

        Parameters
        ----------
        digests : iterable of str
        fingerprint : str
            Of the network, its weights and the preprocessing.

        Returns
        -------
        mapping of str to bytes
            By digest, known ones only.
        """
        query = "SELECT digest, content FROM embeddings WHERE fingerprint = ? AND digest IN ({})"
        return dict(self._select(query, (fingerprint,), digests))

    def remember_embedding(self, digest: str, fingerprint: str, content: bytes) -> None:
        """Remember the embedding of a content."""
        self._write(
            "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", (digest, fingerprint, content)
        )

    def previews(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the digests and previews of those contents that have one.

        A few hundred at a time are in memory.
        """
        yield from self._select(
            "SELECT digest, content FROM previews WHERE digest IN ({})", (), digests
        )

    def remember_preview(self, digest: str, content: bytes) -> None:
        """Remember a small picture of a content."""
        self._write("INSERT OR REPLACE INTO previews VALUES (?, ?)", (digest, content))

    def pairs(self, pairs: Sequence[tuple[str, str]], version: str) -> dict[tuple[str, str], bytes]:
        """Return what is remembered about pairs of contents.

        Parameters
        ----------
        pairs : sequence of (str, str)
            Digests.
        version : str
            Of what computes it.

        Returns
        -------
        dict of (str, str) to bytes
            Known ones only.
        """
        keys = {_pair_key(pair): pair for pair in pairs}
        query = "SELECT pair, content FROM pairs WHERE version = ? AND pair IN ({})"
        return {keys[key]: content for key, content in self._select(query, (version,), keys)}

    def remember_pair(self, pair: tuple[str, str], version: str, content: bytes) -> None:
        """Remember something about two contents, in this order."""
        values = (_pair_key(pair), version, content)
        self._write("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", values)

    @property
    def is_open(self) -> bool:
        """Whether anything is remembered."""
        return self._connection is not None

    def distinct_pairs(self, digests: Iterable[str]) -> list[tuple[str, str]]:
        """Return the pairs of contents that a person declared not to be duplicates.

        Parameters
        ----------
        digests : iterable of str

        Returns
        -------
        list of (str, str)
            Pairs of two of `digests`; the list and each pair are sorted.
        """
        known = set(digests)
        query = "SELECT first, second FROM distinct_pairs WHERE first IN ({})"
        return sorted(pair for pair in self._select(query, (), known) if pair[1] in known)

    def remember_distinct(self, digest: str, other: str) -> None:
        """Remember at once that two contents are no duplicates of each other."""
        pair = tuple(sorted((digest, other)))
        self._write("INSERT OR IGNORE INTO distinct_pairs VALUES (?, ?)", pair, at_once=True)

    def forget_distinct(self, digest: str, other: str) -> None:
        """Undo `remember_distinct`."""
        pair = tuple(sorted((digest, other)))
        self._write("DELETE FROM distinct_pairs WHERE first = ? AND second = ?", pair, at_once=True)

    def _select(
        self, query: str, first: tuple[str, ...], keys: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        waiting = iter(keys)
        while self._connection is not None and (some := list(islice(waiting, _AT_ONCE))):
            try:
                with self._lock:
                    rows = self._connection.execute(
                        query.format(",".join("?" * len(some))), (*first, *some)
                    ).fetchall()
            except sqlite3.Error as error:
                self._give_up(error)
                return
            yield from rows

    def _write(self, statement: str, values: tuple[Any, ...], *, at_once: bool = False) -> None:
        if self._connection is None:
            return
        try:
            with self._lock:
                self._connection.execute(statement, values)
                if at_once or time.monotonic() - self._committed > _SECONDS_BETWEEN_COMMITS:
                    self._connection.commit()
                    self._committed = time.monotonic()
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._connection = None
        warnings.warn(
            f"The cache {self._path} cannot be used ({error}); the run goes on without. Remove the "
            "file if that happens again, or choose another one with --cache=FILE.",
            CacheWarning,
            stacklevel=3,
        )


def _pair_key(pair: tuple[str, str]) -> bytes:
    """Return 16 bytes that name two contents in order: there are several pairs a photo."""
    return hashlib.blake2b("".join(pair).encode(), digest_size=16).digest()


def _open(path: Path) -> sqlite3.Connection:
    # One connection for all threads, under a lock of our own.
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False)
    _check_ours(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_TABLES)
    return connection


def _check_ours(connection: sqlite3.Connection) -> None:
    """Raise DatabaseError for a database of another program; mark a new one as ours."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == _APPLICATION:
        return
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        connection.close()
        raise sqlite3.DatabaseError("it is the database of another program")
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")


def _read_header(header: Any) -> Any:
    """Return what was remembered of a content."""
    if isinstance(header, dict) and "unreadable" in header:
        return Message.from_json(header["unreadable"])
    return header


def _status_key(status: os.stat_result) -> str:
    # The time of the last change of the file or its name shows a content that was changed in place
    # and given its old modification time. On Windows it is the time at which the file was created.
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{times}"
