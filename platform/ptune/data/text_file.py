"""The bytes and the text of a data file, whatever its compression and its encoding are.

One place decides this for training, validating and predicting. Knows nothing of tables.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath

from ptune.errors import DataError, nearest

TAGGED = (".conll", ".annotated", ".txt")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet", *TAGGED)
"""What the name of a file may end with, before `.gz` or `.zip`."""
_ARCHIVES = (".gz", ".zip")
_OTHER_ARCHIVES = (".bz2", ".xz", ".zst", ".lz4", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".br", ".z")
_SHEETS = (".xlsx", ".xls", ".ods", ".xlsm")
_MAGIC = {b"\x1f\x8b": ".gz", b"PK\x03\x04": ".zip", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_MARKS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LARGEST = 16 << 30
"""Bytes that a compressed file may hold: many times what fits into the memory of a machine that trains."""
_MARK = "\ufeff"
_SAMPLE = 1 << 16
"""Bytes around a fault from which its encoding is guessed."""
_SCRIPTS = (
    ("cp1251", "\u0430-\u044f"),
    ("koi8-r", "\u0430-\u044f"),
    ("iso8859-5", "\u0430-\u044f"),
    ("shift-jis", "\u3000-\u30ff\u4e00-\u9fff"),
    ("euc-jp", "\u3041-\u30ff"),
    ("cp949", "\uac00-\ud7a3"),
    ("gb18030", "\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e"),
    ("big5", "\u4e00-\u9fff"),
)
"""The signs that most of a text consists of, beside ASCII, if it has an encoding."""


@dataclass(frozen=True)
class Contents:
    """A file, unpacked.

    Attributes:
        path: the file.
        kind: the suffix of what it holds, such as `.csv`.
        data: what it holds.
    """

    path: Path
    kind: str
    data: bytes

    def text(self, encoding: str | None = None) -> str:
        """Its text, without a byte order mark.

        Args:
            encoding: the encoding; None is what a byte order mark says, and UTF-8 without one.

        Raises:
            DataError: a byte does not belong to the encoding; the message says where, and names the remedy.
        """
        named = encoding or next((name for mark, name in _MARKS + _MARKS_16 if self.data.startswith(mark)), "utf-8")
        if named == "utf-8" and encoding is None and self.data.count(0) * 4 > len(self.data):
            wide = f"utf-{32 if self.data[:32].count(0) > 16 else 16}-{'be' if self.data[0] == 0 else 'le'}"
            raise DataError(f'{self.path}: cannot be loaded: looks like {wide[:6].upper()}; state encoding = "{wide}"')
        try:
            return self.data.decode(named).lstrip(_MARK)
        except UnicodeError as error:
            raise DataError(f"{self.path}: cannot be loaded: {self._undecodable(named, error)}") from None

    def likely_encoding(self) -> str | None:
        """The encoding that a job has to state to read the file; None if it can be read as it is."""
        try:
            self.text()
        except DataError as error:
            stated = re.search(r'encoding = "([^"]+)"', str(error))
            return None if stated is None else stated[1]
        return None

    def _is_utf8(self) -> bool:
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True

    def _undecodable(self, encoding: str, error: UnicodeError) -> str:
        """What is wrong, in which line, and which encoding the file may have."""
        if not isinstance(error, UnicodeDecodeError):
            return f"is not {encoding}: {error}"
        start = min(error.start, len(self.data) - 1)
        line = self.data.count(b"\n", 0, start) + 1
        remedy = "leave encoding out" if self._is_utf8() else _remedy(self.data[start : start + _SAMPLE])
        written = encoding.upper() if encoding.startswith("utf-") else encoding
        return f"not {written}: line {line} holds the byte 0x{self.data[start]:02x} ({error.reason}); {remedy}"


def unpacked_suffix(path: PurePath) -> str:
    """The suffix of what a file holds by its name alone: `.csv` of `a.csv.gz`; that of `a.zip` is not known."""
    suffix = path.suffix.lower()
    return PurePath(path.stem).suffix.lower() if suffix in _ARCHIVES else suffix


def is_table(path: Path) -> bool:
    """Whether a file has columns by its name: all but tsv and txt, which may as well hold a text on each line."""
    return unpacked_suffix(path) in SUFFIXES and unpacked_suffix(path) not in (".tsv", ".txt")


def contents(path: Path, of: str = "examples") -> Contents:
    """Read a file; gzip, and a zip with one member, are unpacked.

    Args:
        path: the file.
        of: what it holds, for the error if it is empty.

    Raises:
        DataError: it is missing, no ordinary file, damaged, empty, or compressed in another way.
    """
    check_there(path)
    suffix = path.suffix.lower()
    if suffix in _OTHER_ARCHIVES or suffix in _SHEETS:
        raise DataError(f"{path}: {_refused(suffix)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    kind = unpacked_suffix(path)
    if suffix == ".gz":
        data = _gunzipped(path, data)
    elif suffix == ".zip":
        kind, data = _unzipped(path, data)
    if kind in _SHEETS:
        raise DataError(f"{path}: {_refused(kind)}")
    packed = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    if suffix in _ARCHIVES and (packed or kind in (*_ARCHIVES, *_OTHER_ARCHIVES)):
        raise DataError(f"{path}: holds another archive ({packed or kind}); unpack it and name the file inside")
    if packed is not None:
        law = f"write its name with {packed}" if packed in _ARCHIVES else _refused(packed)
        raise DataError(f"{path}: cannot be loaded: is compressed ({packed.removeprefix('.')}); {law}")
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise DataError(f"{path}: holds no {of}")
    return Contents(path, kind, data)


def check_there(path: Path) -> None:
    """Check that a path leads to an ordinary file.

    Raises:
        DataError: it does not; the message names the nearest file beside it.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder, not a file")
        if not path.exists():
            neighbours = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
            missing = "" if path.parent.is_dir() else f": there is no folder {path.parent}"
            raise DataError(f"{path}: there is no such file{nearest(path.name, neighbours)}{missing}")
        if not path.is_file():
            raise DataError(f"{path}: is not an ordinary file")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _refused(suffix: str) -> str:
    if suffix in _SHEETS:
        return f"is a spreadsheet ({suffix}); save it as .csv"
    return f"{suffix} is not read; unpack it, or compress it as .gz or as a .zip of one file"


def _gunzipped(path: Path, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return _bounded(path, stream.read(_LARGEST + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be loaded: {error or 'the file ends too early'}") from None


def _unzipped(path: Path, data: bytes) -> tuple[str, bytes]:
    """The suffix and the bytes of a zip's only file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not _is_of_system(PurePath(m.filename))]
            if len(members) != 1:
                names = ", ".join(member.filename for member in members[:5]) or "nothing"
                law = f"a .zip must hold one file, got {len(members)} ({names}{', ...' if len(members) > 5 else ''})"
                raise DataError(f"{path}: {law}; unpack it")
            with archive.open(members[0]) as stream:
                inner = PurePath(members[0].filename).suffix.lower()
                return inner, _bounded(path, stream.read(_LARGEST + 1))
    except RuntimeError as error:  # the only one that zipfile raises so is that of a password
        if isinstance(error, NotImplementedError):
            raise DataError(f"{path}: cannot be loaded: {error}") from None
        raise DataError(f"{path}: cannot be loaded: needs a password; unpack it") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be loaded: {error or 'the file ends too early'}") from None


def _is_of_system(name: PurePath) -> bool:
    """Whether a file of an archive is one that systems put beside those of people."""
    return "__MACOSX" in name.parts or name.name.startswith(".") or name.name in ("Thumbs.db", "desktop.ini")


def _bounded(path: Path, data: bytes) -> bytes:
    if len(data) > _LARGEST:
        raise DataError(f"{path}: holds more than {_LARGEST >> 30} GiB; unpack it and split it")
    return data


def _remedy(data: bytes) -> str:
    """The encoding that bytes may have, as the key that states it: the one whose script the text then has."""
    runs = re.findall(rb"[\x80-\xff]+", data)
    decoded = _letters(data.decode("utf-8", "replace"))
    if len(decoded) > 10 * decoded.count("\ufffd"):
        return "the text behind it is UTF-8, so mend that line"
    guess = "cp1252"  # a few letters with accents, and dashes and quotes of Windows
    words = sum(map(len, runs)) > 2 * len(runs)  # and no single letters between those of ASCII
    for encoding, script in _SCRIPTS if words else ():
        letters = _letters(data.decode(encoding, "replace"))
        if len(re.findall(f"[{script}]", letters)) > (0.25 if encoding == "euc-jp" else 0.7) * len(letters):
            guess = encoding
            break
    return f'state the file\'s encoding, such as encoding = "{guess}"'


def _letters(text: str) -> str:
    """The signs of a text that are not of ASCII."""
    return re.sub(r"[\0-\x7f]", "", text)
