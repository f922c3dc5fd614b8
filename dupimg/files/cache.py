"""Cache digests, headers, embeddings and previews in one SQLite file: a second run reads nothing.

Files are identified by device, inode, size and times; everything else is stored by the digest of
the content, so that renamed and moved files only need a new digest. Pairs that the user declared
distinct are stored, too. Several runs may share the file: each writes in short transactions, and
waits while another one writes. If the cache fails, the run warns and continues without it.
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

from dupimg.files.identity import identity_of
from dupimg.messages import Message

# Part of the file's name: count it up whenever a table changes.
_VERSION = 3

# SQLite's application id, which marks the files of a program: "dupi".
_APPLICATION = 0x64757069

# SQLite allows 32,766 placeholders in a statement, older versions 999.
_AT_ONCE = 500

# Seconds between two writes: a killed run loses at most that much, and other runs wait only for
# one transaction.
_SECONDS_BETWEEN_WRITES = 0.5

# FAT keeps times in steps of two seconds.
_SETTLED_NANOSECONDS = 2_000_000_000

# Seconds to wait for another writing process; the rest is written later.
_WAIT_SECONDS = 10.0

# Longest wait at the end of a run; anything unwritten by then is lost.
_LAST_WAIT_SECONDS = 60.0

# Most statements that may wait while another process locks the file.
_MOST_WAITING = 20_000

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
    """Store digests, headers, embeddings, previews and distinct pairs between runs.

    Parameters
    ----------
    path : Path or None
        The file; None stores nothing.

    Notes
    -----
    Several processes may use one file at once, and any thread may call any method. Use it as a
    context manager; entering opens the file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._next_write = 0.0

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
            self._write_waiting(_LAST_WAIT_SECONDS)
        if self._connection is not None:
            if self._waiting:
                self._warn("another program keeps it locked; what this run learned is not in it")
            self._connection.close()
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
        keys = [identity_of(status) for status in statuses]
        known = dict(
            self._select("SELECT status, digest FROM files WHERE status IN ({})", (), keys)
        )
        return [known.get(key) for key in keys]

    def remember_digest(self, status: os.stat_result, digest: str) -> None:
        """Store the digest of a file, unless the file was written a moment ago.

        A second write within the resolution of the file's time would go unnoticed.
        """
        if time.time_ns() - status.st_mtime_ns < _SETTLED_NANOSECONDS:
            return
        self._write("INSERT OR REPLACE INTO files VALUES (?, ?)", (identity_of(status), digest))

    def forget_file(self, identity: str) -> None:
        """Forget the digest of a file that has changed or gone.

        Parameters
        ----------
        identity : str
            See `dupimg.files.identity.identity_of`.
        """
        self._write("DELETE FROM files WHERE status = ?", (identity,))

    def headers(self, digests: Iterable[str], reader: str) -> dict[str, Any]:
        """Return the stored headers of contents.

        Parameters
        ----------
        digests : iterable of str
        reader : str
            Version and settings of the reader.

        Returns
        -------
        dict of str to JSON values or Message
            By digest, known ones only. A message is the reason why a content is no photo.
        """
        query = "SELECT digest, header FROM headers WHERE reader = ? AND digest IN ({})"
        found = self._select(query, (reader,), digests)
        return {digest: _read_header(json.loads(header)) for digest, header in found}

    def remember_header(self, digest: str, reader: str, header: Any) -> None:
        """Store the header of a content; `header` holds JSON values."""
        self._write(
            "INSERT OR REPLACE INTO headers VALUES (?, ?, ?)", (digest, reader, json.dumps(header))
        )

    def remember_unreadable(self, digest: str, reader: str, reason: Message) -> None:
        """Store the reason why a content is no photo."""
        self.remember_header(digest, reader, {"unreadable": reason.to_json()})

    def embeddings(self, digests: Iterable[str], fingerprint: str) -> Mapping[str, bytes]:
        """Return the stored embeddings of contents.

        Parameters
        ----------
        digests : iterable of str
        fingerprint : str
            Fingerprint of the network, its weights and the preprocessing.

        Returns
        -------
        mapping of str to bytes
            By digest, known ones only.
        """
        query = "SELECT digest, content FROM embeddings WHERE fingerprint = ? AND digest IN ({})"
        return dict(self._select(query, (fingerprint,), digests))

    def remember_embedding(self, digest: str, fingerprint: str, content: bytes) -> None:
        """Store the embedding of a content."""
        self._write(
            "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", (digest, fingerprint, content)
        )

    def previews(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the digests and stored previews of contents.

        Only a few hundred are in memory at once.
        """
        yield from self._select(
            "SELECT digest, content FROM previews WHERE digest IN ({})", (), digests
        )

    def remember_preview(self, digest: str, content: bytes) -> None:
        """Store the preview of a content."""
        self._write("INSERT OR REPLACE INTO previews VALUES (?, ?)", (digest, content))

    def pairs(self, pairs: Sequence[tuple[str, str]], version: str) -> dict[tuple[str, str], bytes]:
        """Return the stored evidence on pairs of contents.

        Parameters
        ----------
        pairs : sequence of (str, str)
            Digests.
        version : str
            Version of the code that computes it.

        Returns
        -------
        dict of (str, str) to bytes
            Known ones only.
        """
        keys = {_pair_key(pair): pair for pair in pairs}
        query = "SELECT pair, content FROM pairs WHERE version = ? AND pair IN ({})"
        return {keys[key]: content for key, content in self._select(query, (version,), keys)}

    def remember_pair(self, pair: tuple[str, str], version: str, content: bytes) -> None:
        """Store the evidence on two contents, in this order."""
        values = (_pair_key(pair), version, content)
        self._write("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", values)

    @property
    def is_open(self) -> bool:
        """Whether the cache works."""
        return self._connection is not None

    def distinct_pairs(self, digests: Iterable[str]) -> list[tuple[str, str]]:
        """Return the pairs of contents that the user declared distinct.

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
        """Store immediately that two contents are no duplicates of each other."""
        pair = tuple(sorted((digest, other)))
        self._write("INSERT OR IGNORE INTO distinct_pairs VALUES (?, ?)", pair, at_once=True)

    def forget_distinct(self, digest: str, other: str) -> None:
        """Undo `remember_distinct`."""
        pair = tuple(sorted((digest, other)))
        self._write("DELETE FROM distinct_pairs WHERE first = ? AND second = ?", pair, at_once=True)

    def _select(
        self, query: str, first: tuple[str, ...], keys: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        self._write_waiting(_WAIT_SECONDS)
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
        with self._lock:
            self._waiting.append((statement, values))
            if at_once or time.monotonic() >= self._next_write:
                self._write_waiting(_WAIT_SECONDS)

    def _write_waiting(self, wait: float) -> None:
        """Write all waiting statements in one transaction; keep them if the file is locked."""
        with self._lock:
            if self._connection is None or not self._waiting:
                return
            try:
                self._connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
                self._connection.execute("BEGIN IMMEDIATE")
                with self._connection:  # commits, or rolls back
                    for statement, values in self._waiting:
                        self._connection.execute(statement, values)
                self._waiting.clear()
            except sqlite3.Error as error:
                if not _is_busy(error) or len(self._waiting) > _MOST_WAITING:
                    self._give_up(error)
            self._next_write = time.monotonic() + _SECONDS_BETWEEN_WRITES

    def _give_up(self, error: Exception) -> None:
        self._connection = None
        self._warn(f"{error}; the run goes on without. --cache=FILE chooses another one")

    def _warn(self, what: str) -> None:
        text = f"The cache {self._path} cannot be used: {what}."
        warnings.warn(text, CacheWarning, stacklevel=4)


def _pair_key(pair: tuple[str, str]) -> bytes:
    """Return a key of 16 bytes for two contents in order: short, as a photo has several pairs."""
    return hashlib.blake2b("".join(pair).encode(), digest_size=16).digest()


def _open(path: Path) -> sqlite3.Connection:
    # One connection for all threads, under our own lock, with explicit transactions.
    connection = sqlite3.connect(
        path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            _prepare(connection)
            return connection
        except sqlite3.Error as error:
            # SQLite does not always wait when two processes create the file at once.
            if not _is_busy(error) or time.monotonic() > until:
                connection.close()
                raise
            time.sleep(0.02)


def _prepare(connection: sqlite3.Connection) -> None:
    """Create missing tables; only then wait for other writers.

    Raises
    ------
    sqlite3.DatabaseError
        The file is no database, or belongs to another program.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
    if _is_ours(connection) and len(_tables(connection)) >= _TABLES.count("CREATE"):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if not _is_ours(connection):  # another process may have created it meanwhile
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Return whether the file is a cache; False for an empty one.

    Raises
    ------
    sqlite3.DatabaseError
        The file is the database of another program.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION and _tables(connection):
        raise sqlite3.DatabaseError("it is the database of another program")
    return bool(application == _APPLICATION)


def _tables(connection: sqlite3.Connection) -> list[tuple[str]]:
    return connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()


def _is_busy(error: sqlite3.Error) -> bool:
    """Return whether another process has locked the file; Python 3.10 has no error codes."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _read_header(header: Any) -> Any:
    """Return a stored header; a message if the content is no photo."""
    if isinstance(header, dict) and "unreadable" in header:
        return Message.from_json(header["unreadable"])
    return header
