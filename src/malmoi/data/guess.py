"""What bytes are when they are not UTF-8 text: by their beginning, and by their encoding."""

from typing import NamedTuple


class Found(NamedTuple):
    """What a file is, and what to do about it."""

    what: str
    hint: str = ""


_UTF16 = "iconv -f UTF-16 -t UTF-8 FILE > new.txt"
_UTF32 = "iconv -f UTF-32 -t UTF-8 FILE > new.txt"
_MAGIC: tuple[tuple[bytes, Found], ...] = (
    (b"\xff\xfe\x00\x00", Found("UTF-32 (it begins with its byte order mark)", _UTF32)),
    (b"\x00\x00\xfe\xff", Found("UTF-32 (it begins with its byte order mark)", _UTF32)),
    (b"\xff\xfe", Found("UTF-16 (it begins with its byte order mark)", _UTF16)),
    (b"\xfe\xff", Found("UTF-16 (it begins with its byte order mark)", _UTF16)),
    (b"PK\x03\x04", Found("a zip archive", "unpack it: unzip FILE")),
    (b"BZh", Found("a bzip2 file", "unpack it: bunzip2 FILE")),
    (b"\xfd7zXZ\x00", Found("an xz file", "unpack it: unxz FILE")),
    (b"\x28\xb5\x2f\xfd", Found("a Zstandard file", "unpack it: unzstd FILE")),
    (b"7z\xbc\xaf\x27\x1c", Found("a 7z archive", "unpack it: 7z x FILE")),
    (b"%PDF-", Found("a PDF", "take its text out first: pdftotext FILE")),
    (b"\x89PNG", Found("a picture")),
    (b"\xff\xd8\xff", Found("a picture")),
    (b"\x93NUMPY", Found("a NumPy array")),
    (b"\x89HDF", Found("an HDF5 file")),
)


def binary(head: bytes) -> Found | None:
    """What a file is if its first bytes say that it is not text."""
    for magic, found in _MAGIC:
        if head.startswith(magic) and not (magic == b"BZh" and head[4:10] != b"1AY&SY"):
            return found
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return Found("a pickle", "malmoi reads no pickles, which can run code; export it as text")
    if len(head) >= 4 and head[:8].count(0) >= len(head[:8]) // 2:
        return Found("binary data, or UTF-16 without a byte order mark")
    return None


def encoding(line: bytes) -> str:
    """The likely encoding of a line that is not UTF-8: CP949, WINDOWS-1252, or nothing."""
    try:
        letters = [c for c in line.decode("cp949") if not c.isascii()]
        common = sum("가" <= c <= "힣" and _in_ks_x_1001(c) for c in letters)
        if 2 * common >= len(letters) > 0:
            return "CP949"
    except UnicodeDecodeError:
        pass
    try:
        letters = [c for c in line.decode("cp1252") if not c.isascii()]
    except UnicodeDecodeError:
        return ""
    return "WINDOWS-1252" if 2 * sum(map(str.isalpha, letters)) >= len(letters) > 0 else ""


def _in_ks_x_1001(character: str) -> bool:
    """Whether a syllable is one of the 2,350 in common use."""
    try:
        return len(character.encode("euc_kr")) == 2
    except UnicodeEncodeError:
        return False
