import gzip
import io
import os
import pickle
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from malmoi.data.formats import read_lines, sniff
from malmoi.errors import DataError, EmptyText, TextError

KOREAN = "안녕하세요 좋은 아침입니다"
INSIDE = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei"


def written(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\r\nb\n\r\n", ["a", "b", ""]),
        ("\n\n", ["", ""]),
        ("a\rb\nc\r\r\n", ["a\rb", "c\r"]),
        (f"{INSIDE}\n{INSIDE}", [INSIDE, INSIDE]),
        ("\ufeffa\n\ufeffb", ["a", "\ufeffb"]),
        ("\ufeff\na", ["", "a"]),
        (" a\t\n", [" a\t"]),
        ("\u1112\u1161\u11ab\n", ["\u1112\u1161\u11ab"]),
        ("x", ["x"]),
        ("<s> </s>\n", ["<s> </s>"]),
    ],
)
def test_lines_end_at_line_feeds_and_nowhere_else(tmp_path, content, lines):
    path = written(tmp_path / "a.txt", content)
    assert list(read_lines(path)) == list(read_lines(str(path))) == lines
    assert list(read_lines(io.BytesIO(content.encode()))) == lines
    zipped = written(tmp_path / "a.txt.gz", gzip.compress(content.encode()))
    assert list(read_lines(zipped)) == lines


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_text_is_its_lines(text):
    raw = text.encode()
    if raw.startswith(b"\xef\xbb\xbf") or raw[:1] in b"%BP7" or ("\r" in text and "\n" not in text):
        text, raw = "a" + text + "\n", b"a" + raw + b"\n"
    expected = [s.removesuffix("\r") for s in text.split("\n")]
    if not text.endswith("\n"):
        expected[-1] = text.split("\n")[-1]
    else:
        expected.pop()
    assert list(read_lines(io.BytesIO(raw))) == expected


class Dribble(io.RawIOBase):
    """A stream that gives one byte at a time, as a slow pipe may."""

    def __init__(self, content):
        self.rest = content

    def readable(self):
        return True

    def readinto(self, buffer):
        given, self.rest = self.rest[:1], self.rest[1:]
        buffer[: len(given)] = given
        return len(given)


@pytest.mark.parametrize("wrap", [lambda b: b, gzip.compress], ids=["plain", "gz"])
def test_a_slow_stream_gives_the_same_lines_and_stays_open(wrap):
    stream = Dribble(wrap("\ufeff가나\r\n다\n".encode()))
    assert list(read_lines(stream)) == ["가나", "다"]
    assert not stream.closed


def test_a_line_of_a_pipe_is_there_as_soon_as_it_is_written():
    receive, send = os.pipe()
    with os.fdopen(receive, "rb") as stream, os.fdopen(send, "wb", buffering=0) as pipe:
        lines = read_lines(stream)
        pipe.write(b"first\n")
        assert next(lines) == "first"
        pipe.write("둘째\n".encode())
        assert next(lines) == "둘째"


def mend(hint, old, new):
    """Run the shell line of a hint, writing elsewhere."""
    command = hint.split(": ", 1)[-1].replace(old, f"'{new}'")
    subprocess.run(["bash", "-c", command], check=True)
    return list(read_lines(new))


def refused(error, source, *parts, name=""):
    """Read to the end; the error, which must say all the parts."""
    with pytest.raises(error) as caught:
        list(read_lines(source, name=name))
    for part in parts:
        assert part in str(caught.value)
    return caught.value


def test_bytes_that_are_not_utf8_are_refused_with_line_and_byte(tmp_path):
    path = written(tmp_path / "a.txt", b"\xef\xbb\xbfok\r\nab\xffc\n")
    refused(TextError, path, "not UTF-8", f"{path}:2, byte 9: 0xFF")
    zipped = written(tmp_path / "a.gz", gzip.compress(b"ok\n" * 1000 + b"\x80\n"))
    refused(TextError, zipped, f"{zipped}:1001, byte 3,000: 0x80")
    refused(TextError, io.BytesIO(b"a\n\xc0\xaf\n"), "stdin:2, byte 2: 0xC0", name="stdin")
    refused(TextError, io.BytesIO(b"\xed\xa0\xbd\xed\xb8\x80\n"), "byte 0: 0xED")


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        (KOREAN, "cp949", "CP949"),
        ("영화 ㅋㅋ 재밌다!! 똠방각하 펲시", "cp949", "CP949"),
        ("id\t리뷰\n", "cp949", "CP949"),
        ("Ça va, café naïve", "cp1252", "WINDOWS-1252"),
        ("Müller heißt", "latin-1", "WINDOWS-1252"),
        ("Àaron", "latin-1", "WINDOWS-1252"),  # CP949 too, but of a syllable that no one writes
    ],
)
def test_the_likely_encoding_is_guessed_with_a_line_that_mends_it(tmp_path, text, encoding, guess):
    path = written(tmp_path / "my text.txt", text.encode(encoding))
    hint = refused(TextError, path, "not UTF-8", f"probably {guess}: iconv -f {guess}").hint
    assert mend(hint, "new.txt", tmp_path / "new") == text.rstrip("\n").split("\n")


def test_no_encoding_is_guessed_from_noise(tmp_path):
    noise = bytes(np.random.default_rng(1).integers(128, 256, 400, dtype=np.uint8))
    assert refused(TextError, written(tmp_path / "a", b"x" + noise)).hint == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("marked", [True, False])
def test_utf16_and_utf32_are_named(tmp_path, encoding, marked):
    mark = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
    content = ((mark if marked else "") + "hello, world\n").encode(encoding)
    name = "UTF-16" if "16" in encoding else "UTF-32"
    error = refused(TextError, written(tmp_path / "a.txt", content), name)
    if marked:
        assert mend(error.hint, "new.txt", tmp_path / "new") == ["hello, world"]


def test_a_text_cut_inside_its_last_character_says_so(tmp_path):
    path = written(tmp_path / "a.txt", "가나\n다라".encode()[:-1])
    refused(TextError, path, "middle of a character", ":2, byte 10: 0xEB", "cut short?")


def test_a_gzip_file_cut_anywhere_or_damaged_is_refused(tmp_path):
    whole, errors = gzip.compress(f"{KOREAN}\n".encode() * 5), []
    for length in range(2, len(whole)):
        path = written(tmp_path / "a.txt.gz", whole[:length])
        refused(TextError, path, "gzip file is cut short", str(path), "gzip -t")
    for at in range(10, len(whole)):
        path = written(tmp_path / "b.gz", whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:  # some bits between the blocks mean nothing
            assert list(read_lines(path)) == [KOREAN] * 5
        except TextError as error:
            errors.append(str(error))
    assert all(str(path) in error for error in errors)
    assert sum("gzip file is damaged" in error for error in errors) >= 8  # checksum and length
    refused(TextError, written(tmp_path / "c.gz", "text\n"), "the name says gzip, the bytes do not")


def test_gzip_is_known_without_its_name(tmp_path):
    path = written(tmp_path / "a.txt", gzip.compress("가\n".encode()) + gzip.compress(b"b"))
    assert list(read_lines(path)) == ["가", "b"]
    assert list(read_lines(io.BytesIO(path.read_bytes()))) == ["가", "b"]


def test_what_is_no_text_is_refused_by_its_name(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "a")
    refused(TextError, archive, "a zip archive, not text", str(archive), f"unzip {archive}")
    for protocol in (2, 3, 4, 5):
        path = written(tmp_path / "model.safetensors", pickle.dumps({"a": 1}, protocol=protocol))
        refused(TextError, path, "a pickle", "reads no pickles")
    np.save(tmp_path / "a.npy", np.zeros(3))
    refused(TextError, tmp_path / "a.npy", "a NumPy array")
    refused(TextError, written(tmp_path / "a", b"%PDF-1.7\n..."), "a PDF", "pdftotext")
    refused(TextError, written(tmp_path / "a", b"\x89PNG\r\n\x1a\n"), "a picture")
    refused(TextError, written(tmp_path / "a", b"\x10\0\0\0\0\0\0\0{}"), "binary data")
    refused(TextError, written(tmp_path / "a", b"ok\nab\0c\n"), "NUL bytes", ":2, byte 5")
    zipped = written(tmp_path / "a.gz", gzip.compress(pickle.dumps([1])))
    refused(TextError, zipped, "a pickle")
    assert list(read_lines(written(tmp_path / "b", "BZh is text\n"))) == ["BZh is text"]


def test_lines_that_end_in_cr_alone_are_refused_with_a_line_that_mends_them(tmp_path):
    path = written(tmp_path / "mac.txt", "하나\r둘\r")
    error = refused(TextError, path, "CR alone", "without a line feed")
    with pytest.raises(TextError):  # and before a line is given
        next(read_lines(path))
    assert mend(error.hint, "new.txt", tmp_path / "new") == ["하나", "둘"]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_a_file_without_a_byte_of_text_is_empty(tmp_path, content):
    refused(EmptyText, written(tmp_path / "a.txt", content), "empty", str(tmp_path / "a.txt"))
    refused(EmptyText, io.BytesIO(content), "empty", "stdin", name="stdin")


def test_a_file_that_is_not_there_is_refused_before_anything_is_read(tmp_path):
    written(tmp_path / "train.txt", "a")
    with pytest.raises(DataError, match=r"(?s)no such file.*trian\.txt.*did you mean 'train\.txt'"):
        read_lines(tmp_path / "trian.txt")
    with pytest.raises(DataError, match=r"(?s)a folder, not a file.*such as .*train\.txt"):
        read_lines(tmp_path)
    for odd in ["no/such/folder/a.txt", "x" * 5000]:
        with pytest.raises(DataError):
            read_lines(tmp_path / odd)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.txt", "a")

    def forbidden(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", forbidden)
    refused(DataError, path, "cannot be opened", f"{path}: Permission denied")


def test_a_stream_that_breaks_is_refused_with_how_far_it_came():
    class Broken(Dribble):
        def readinto(self, buffer):
            if not self.rest:
                raise OSError(5, "Input/output error")
            return super().readinto(buffer)

    lines = read_lines(Broken(b"ab\ncd"), name="pipe")
    assert next(lines) == "ab"
    with pytest.raises(TextError, match="pipe: after 3 bytes: Input/output error"):
        next(lines)


def test_reading_holds_one_line_and_closes_its_file(tmp_path):
    path = written(tmp_path / "a.txt", "가나다\n" * 20_000)
    before = len(os.listdir("/proc/self/fd"))
    lines = read_lines(path)
    assert next(lines) == "가나다"
    lines.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert sum(1 for _ in read_lines(path)) == 20_000
    line = "a " * 10**6
    assert list(read_lines(written(path, line + "\nb"))) == [line, "b"]


def test_lines_may_be_read_in_another_thread(tmp_path):
    path, found = written(tmp_path / "a.txt", "a\nb"), []
    thread = threading.Thread(target=lambda: found.extend(read_lines(path)))
    thread.start()
    thread.join()
    assert found == ["a", "b"]


def test_the_locale_changes_nothing(tmp_path):
    path = written(tmp_path / "글.txt", f"{KOREAN}\n")
    program = (
        "import os, sys\nfrom malmoi.data.lines import read_lines\n"
        "for source in (os.fsdecode(os.fsencode(sys.argv[1])), sys.stdin.buffer):\n"
        "    sys.stdout.buffer.write('|'.join(read_lines(source)).encode())\n"
    )
    for locale in ("C", "POSIX", "C.UTF-8"):
        with path.open("rb") as stdin:
            made = subprocess.run(
                [sys.executable, "-X", "utf8=0", "-c", program, str(path)],
                env={**os.environ, "LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"},
                stdin=stdin,
                capture_output=True,
                check=True,
                timeout=60,
            )
        assert made.stdout.decode() == KOREAN * 2


def test_sniffing_says_what_is_in_a_file(tmp_path):
    content = "\ufeff오늘은 abc 12!\r\n\r\n\u1112\u1161\u11ab\tx\u2028y\n\x1b[31m漢\n끝"
    found = sniff(written(tmp_path / "a.txt", content))
    assert found.file == str(tmp_path / "a.txt")
    assert found.encoding == "UTF-8, with a byte order mark"
    assert found.line_ends == "LF (2) and CR LF (2), none after the last line"
    assert (found.lines, found.blank_lines, found.words) == (5, 1, 7)
    lines = ["오늘은 abc 12!", "", "한\tx\u2028y", "\x1b[31m漢", "끝"]
    assert found.characters == sum(len(line) + 1 for line in lines)
    assert found.bytes == sum(len(line.encode()) + 1 for line in lines)
    assert (found.longest_line, found.longest_line_number) == (11, 1)
    assert found.nfc is False
    counts = {"Latin": 6, "Hangul": 5, "digits": 4, "signs": 3, "Han": 1}
    assert list(found.scripts.items()) == [(name, n / 19) for name, n in counts.items()]
    assert found.examples == ("오늘은 abc 12!", "한\\tx\\u2028y", "\\x1b[31m漢")
    warnings = "\n".join(found.warnings)
    for part in ["1 U+2028", "1 lines are not in NFC", "line ends are mixed"]:
        assert part in warnings


def test_sniffing_warns_of_what_will_surprise(tmp_path):
    path = tmp_path / "a.txt"
    assert sniff(written(path, "깨끗한 글\n")).warnings == ()
    assert sniff(path).line_ends == "LF"
    assert sniff(path).nfc is True
    assert "every line has 3 columns" in sniff(written(path, "1\t가\t0\n2\t나\t1\n")).warnings[0]
    assert "nothing" not in str(sniff(path).warnings)
    assert "no line with anything" in sniff(written(path, "\n \n")).warnings[0]
    assert "damaged before" in sniff(written(path, "a\ufffd")).warnings[0]
    assert sniff(path).line_ends == "none"
    assert "CR inside lines" in sniff(written(path, "a\rb\n")).warnings[0]
    assert "100,001 characters" in sniff(written(path, "a" * 100_001)).warnings[0]
    zipped = written(tmp_path / "a.gz", gzip.compress(b"\xef\xbb\xbfa\n"))
    assert sniff(zipped).encoding == "UTF-8, with a byte order mark, in gzip"


def test_sniffing_refuses_what_reading_refuses(tmp_path):
    with pytest.raises(TextError, match="CP949"):
        sniff(written(tmp_path / "a.txt", KOREAN.encode("cp949")))
    with pytest.raises(EmptyText):
        sniff(written(tmp_path / "a.txt", b""))
    with pytest.raises(DataError):
        sniff(tmp_path / "b.txt")


def test_the_shelf_reads_as_its_readme_counts(shared_data):
    found = sniff(shared_data / "wikitext-2/test.txt")
    assert (found.lines, found.words, found.characters) == (4_358, 241_211, 1_255_018)
