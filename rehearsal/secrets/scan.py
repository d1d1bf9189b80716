"""Searches for secrets in whatever a rehearsal leaves behind, and in the command lines that ran meanwhile."""

import base64
import hashlib
import json
import subprocess
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from rehearsal.environment.sandbox import Sandbox
from rehearsal.environment.workspace import Scratch, git
from rehearsal.observe.aws_records import AwsRecords
from rehearsal.secrets.known import Secret

PIECE = 12  # characters: a part of a secret is found if it has so many
WORD = 8  # bytes that are compared at once
HASH_BITS = 16
PS_EVERY = 0.25  # seconds between two lists of the running processes
LETTERS = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
OTHERS = bytes(set(range(256)) - LETTERS)
PROC = Path("/proc")

Found = Iterable[tuple[str, bytes]]
"""The name of each file or object, and its bytes."""
Form = tuple[str, list[bytes], bool]
"""A form in which a secret may be written: see `forms`."""


@dataclass(frozen=True)
class Leak:
    """A secret, or a part of it, in a place where it must not be. The message never holds the secret itself."""

    secret: str
    form: str
    place: str
    where: str

    def __str__(self) -> str:
        return f"{self.secret} was found in {self.where} ({self.form})"


@dataclass(frozen=True)
class Search:
    """The result of a search: the numbers of secrets and places, and the leaks. `unread_places` had nothing to read."""

    planted: int
    places: int
    unread_places: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()

    def as_json(self) -> dict[str, int]:
        return {"planted": self.planted, "places": self.places, "found": len(self.leaks)}

    def problems(self) -> Iterator[str]:
        """Yield the problems, one line each; none if no secret leaked and every place was read."""
        if not self.planted:
            yield "secrets: there was none to search for"
        yield from (f"secrets: there was nothing to read in {place}" for place in self.unread_places)
        yield from (f"secrets: {leak}" for leak in self.leaks)


def search(secrets: Sequence[Secret], places: Mapping[str, Found]) -> Search:
    """Search each place for each secret."""
    wanted = [(secret.name, tuple(forms(secret.value))) for secret in secrets]
    plain, squeezed = (
        Pieces(piece for _, known in wanted for _, pieces, within in known if within is inside for piece in pieces)
        for inside in (False, True)
    )
    leaks, unread = [], []
    held = dict[bytes, list[tuple[str, str]]]()  # by digest: most bundles and states hold what others hold, too
    for place, found in places.items():
        size = 0
        for where, what in found:
            size += len(what)
            digest = hashlib.sha256(what).digest()
            if digest not in held:
                pieces = {False: plain.held_by(what), True: squeezed.held_by(letters(what))}
                held[digest] = list(_named(wanted, pieces))
            leaks += [Leak(name, form, place, where) for name, form in held[digest]]
        if not size:
            unread.append(place)
    return Search(len(secrets), len(places), tuple(unread), tuple(leaks))


def _named(wanted: Sequence[tuple[str, Sequence[Form]]], held: Mapping[bool, set[bytes]]) -> Iterator[tuple[str, str]]:
    """Yield the name of each secret of which a text holds pieces, with the form in which it does."""
    for name, known in wanted:
        form = next((form for form, pieces, within in known if not held[within].isdisjoint(pieces)), None)
        if form is not None:
            yield name, form


def forms(value: str) -> Iterator[Form]:
    """Yield the forms in which a secret may be written: the form's name, its pieces, and True if they are searched for
    in the letters and digits alone."""
    plain = value.encode()
    yield "plain", _pieces(plain), False
    yield "percent-encoded", _pieces(quote(value, safe="").encode()), False
    yield "reversed", _pieces(plain[::-1]), False
    yield "base64", [piece for text in _base64(plain) for piece in _pieces(text)], False
    yield "hexadecimal", [*_pieces(plain.hex().encode()), *_pieces(plain.hex().upper().encode())], False
    yield "split", _pieces(letters(plain)), True


def letters(text: bytes) -> bytes:
    """Return the letters and digits alone, so that line ends, also escaped ones, and separators hide nothing."""
    for escape in (b"\\n", b"\\r", b"\\t"):
        text = text.replace(escape, b"")
    return text.translate(None, OTHERS)


def _base64(plain: bytes) -> Iterator[bytes]:
    """Yield its base64 for each offset in the encoded text: whole groups only, in both alphabets."""
    for before in range(3):
        rest = plain[-before % 3 :]
        whole = rest[: len(rest) - len(rest) % 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)


def _pieces(text: bytes) -> list[bytes]:
    """Cut a text into pieces of PIECE bytes: any part that is twice as long contains one whole piece."""
    return [text[at : at + PIECE] for at in range(0, max(len(text) - PIECE, 0) + 1, PIECE)]


class Pieces:
    """Byte strings to search for, all in one pass over a text: a rehearsal has thousands, and searches 100 MB.

    A table of hashes of each one's first WORD bytes picks the places at which the strings are compared.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._short = set[bytes]()
        self._by_word = defaultdict[int, set[bytes]](set)
        for piece in pieces:
            if len(piece) < WORD:
                self._short.add(piece)
            else:
                self._by_word[int.from_bytes(piece[:WORD], "little")].add(piece)
        self._words = np.array(sorted(self._by_word), dtype=np.uint64)
        self._hashes = np.zeros(1 << HASH_BITS, dtype=bool)
        self._hashes[_hashed(self._words)] = True

    def held_by(self, text: bytes) -> set[bytes]:
        """Return those that the text holds."""
        held = {piece for piece in self._short if piece in text}
        for offset in range(min(WORD, max(len(text) - WORD + 1, 0))):
            words = np.frombuffer(text, "<u8", (len(text) - offset) // WORD, offset)
            maybe = np.flatnonzero(self._hashes[_hashed(words)])
            for at in maybe[np.isin(words[maybe], self._words)].tolist():
                pieces = self._by_word[int(words[at])]
                held |= {piece for piece in pieces if text.startswith(piece, offset + WORD * at)}
        return held


def _hashed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the upper HASH_BITS of each word's product with 2^64 / phi: Knuth's multiplicative hashing."""
    return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - HASH_BITS)


# Places to search


def left_by(stage: Sandbox, watch: "Watch", shown: str, report: Mapping[str, object]) -> dict[str, Found]:
    """Return all that a sandbox leaves behind, by place, with what a person was `shown` and the report."""
    scratch = stage.scratch
    return {
        "Pulumi's state and home": [*_files(scratch.state), *_files(scratch.home), *_objects(stage.aws)],
        "the project, its stack files and its commits": _project(scratch),
        "the bundles": _zips(scratch.project),
        "the console": [("what the CLI said", scratch.said.read_bytes()), ("what a person was shown", shown.encode())],
        "the report": [("the report", json.dumps(report).encode())],
        "the logs": [*_logs(scratch.root), *_log_events(stage.aws)],
        "the functions' configurations": _functions(stage.aws),
        "the command lines in ps": [("a command line", line) for line in sorted(watch.seen)],
    }


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield str(file), file.read_bytes()


def _objects(aws: AwsRecords) -> Iterator[tuple[str, bytes]]:
    """Yield every version of every object in S3: if a job deploys a stack, the stack's state is there."""
    client = aws.client("s3")
    for bucket in client.list_buckets()["Buckets"]:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            for each in page.get("Versions", []):
                one = {"Bucket": bucket["Name"], "Key": each["Key"], "VersionId": each["VersionId"]}
                yield f"s3://{bucket['Name']}/{each['Key']}", client.get_object(**one)["Body"].read()


def _project(scratch: Scratch) -> Iterator[tuple[str, bytes]]:
    for where, what in _files(scratch.project):
        if ".git" not in Path(where).relative_to(scratch.project).parts:
            yield where, what
    yield "git log --patch", git(scratch.project, "log", "--all", "--patch").encode()


def _zips(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.glob("**/*.zip")):
        with zipfile.ZipFile(file) as archive:
            yield from ((f"{file}: {name}", archive.read(name)) for name in archive.namelist())


def _logs(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield from ((str(file), file.read_bytes()) for file in sorted(folder.glob("*.log")))


def _log_events(aws: AwsRecords) -> Iterator[tuple[str, bytes]]:
    client = aws.client("logs")
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            lines = [event["message"] for found in events for event in found["events"]]
            yield f"log group {group['logGroupName']}", "\n".join(lines).encode()


def _functions(aws: AwsRecords) -> Iterator[tuple[str, bytes]]:
    client = aws.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            versions = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
            found = [version for answer in versions for version in answer["Versions"]]
            yield f"configuration of function {name}", json.dumps(found, default=str).encode()


class Watch:
    """Records the command lines of all processes while the block runs: `ps` shows them to every user."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ps", daemon=True)

    def _run(self) -> None:
        while not self._over.wait(PS_EVERY):
            self.seen |= command_lines()

    def __enter__(self) -> Self:
        self.seen |= command_lines()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def command_lines() -> set[bytes]:
    """Return the command line of every process that runs now."""
    if not (PROC / "self/cmdline").exists():
        listed = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, check=True)
        return set(listed.stdout.splitlines())
    found = set()
    for file in PROC.glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.add(file.read_bytes().replace(b"\0", b" ").strip())
    return found - {b""}
