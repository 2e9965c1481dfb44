"""A pickle of plain values (`dict`, `list`, `str`, `int`, `float`, `bytes`): written, and read without running it.

A pickle is a program, and a hostile one runs code, takes all memory or never ends. So every opcode is looked at before
any is obeyed, and what comes out is pickled again and must give the same bytes.
"""

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

START = b"\x80\x04"
MAX_OPCODES = 21_000  # the largest model file has 20,700: 10,000 class names and 10,240 in `made_with`
MAX_TEXT = 255  # characters; more would let one emoji make a file four times as large in memory as on disk
MAX_FRAME = 2**18  # bytes; the pickler ends a frame at 2**16, and a frame of the whole file would be copied once more
TEXTS = (pickle.SHORT_BINUNICODE, pickle.BINUNICODE)
# The opcodes that `dump_plain` writes: none can name, call, copy or repeat anything. Each has an argument of so many
# bytes,
FIXED = {
    **dict.fromkeys((pickle.MARK, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS), 0),
    **dict.fromkeys((pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.STOP), 0),
    pickle.BININT1: 1,
    pickle.BININT2: 2,
    pickle.BININT: 4,
    pickle.BINFLOAT: 8,
    pickle.FRAME: 8,
}
# or a length in so many bytes and then that many.
COUNTED = {pickle.SHORT_BINUNICODE: 1, pickle.BINUNICODE: 4, pickle.SHORT_BINBYTES: 1, pickle.BINBYTES: 4}

# What other files look like, in their first bytes or their first names of code.
STARTS = {
    b"PK": "a zip archive, such as torch.save, NumPy or Keras write",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": "a pickle of protocol 2 in torch.save's old format",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "gzip",
    **dict.fromkeys((b"x\x01", b"x^", b"x\x9c", b"x\xda"), "zlib, such as joblib writes"),
    **dict.fromkeys((b"\xfd7zXZ", b"]\0\0"), "xz or LZMA"),
    b"BZh": "bzip2",
    b'\x04"M\x18': "LZ4",
    b"(\xb5/\xfd": "Zstandard",
    b"version https://git-lfs": "a Git LFS pointer: run `git lfs pull`",
    b"outs:": "a DVC pointer: run `dvc pull`",
    b"<<<<<<<": "text with conflict markers",
    b"<": "HTML or XML",
    b"{": "JSON",
}
NAME = r"([A-Za-z_][\w.]{0,80})"
NAMED_CODE = re.compile(rf"(?<!\w)[ci]{NAME}\n{NAME}\n|\x8c.{NAME}\x94?\x8c.{NAME}\x94?\x93", re.ASCII | re.DOTALL)
MAX_SEARCH = 2**16  # bytes in which a name of code is looked for


def dump_plain(content: dict[str, Any]) -> bytes:
    """`content`, pickled."""
    buffer = io.BytesIO()
    write_plain(content, buffer.write)
    return buffer.getvalue()


def write_plain(content: dict[str, Any], write: Callable[[bytes], object]) -> None:
    """Hand `content`, pickled, to `write` in pieces: none but the `bytes` in `content` itself is large."""
    pickler = pickle.Pickler(_File(write), protocol=4)
    pickler.fast = True  # leaves out the memo, which tells equal strings from one string used twice
    pickler.dump(content)


def load_plain(data: bytes) -> Any:
    """The content of `data`, in time and memory proportional to its size.

    Raises:
        ValueError: `data` is not, byte for byte, what `dump_plain` writes; the message says what it is.
    """
    _scan(data)
    try:
        content = _Unpickler(io.BytesIO(data)).load()
        same = _is_written_as(content, data)
    except Exception as error:  # a damaged pickle raises nearly any type: it is refused, whatever it raises
        raise ValueError(f"damaged: {type(error).__name__}: {str(error)[:100]!a}") from None
    if not same:
        raise ValueError("damaged: its bytes are not those that its content is written as")
    return content


def what_it_is(data: bytes) -> str:
    """What `data`, which is no pickle of ours, looks like, in a few words; nothing in it is obeyed."""
    for start, kind in STARTS.items():
        if data.startswith(start):
            return kind
    if data[8:10] == b'{"':
        return "a safetensors file"
    if data.count(0) == len(data):
        return "all zero bytes" if data else "empty"
    found = dict.fromkeys(
        ".".join(filter(None, names)) for names in NAMED_CODE.findall(data[:MAX_SEARCH].decode("latin-1"))
    )
    names = f" that names {', '.join(list(found)[:3])}" if found else ""
    if data[0] == pickle.PROTO[0] and len(data) > 1:
        return f"a pickle of protocol {data[1]}{names}"
    # Protocols 0 and 1 have no mark of their own: they begin with any opcode.
    if names or data.endswith((b".", b".\n")):
        return f"a pickle of protocol 0 or 1{names}, or text"
    return f"of no known kind (its first bytes are {data[:8]!r})"


@dataclass
class _File:
    """What a `Pickler` takes for a file."""

    write: Callable[[bytes], object]


class _Unpickler(pickle.Unpickler):
    """One that can name no code, should the scan ever let an opcode by that does."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is refused")


def _is_written_as(content: Any, data: bytes) -> bool:
    """Whether `content`, pickled again, is `data`; the two are compared piece by piece, with no second copy."""
    end, same = 0, True

    def compare(piece: bytes) -> None:
        nonlocal end, same
        same = same and data.startswith(piece, end)
        end += len(piece)

    write_plain(content, compare)
    return same and end == len(data)


def _scan(data: bytes) -> None:
    """Raise ValueError unless `data` is one whole pickle of protocol 4 with few opcodes, all of them ours."""
    if not data.startswith(START):
        raise ValueError(f"not a model file: it is {what_it_is(data)}; nothing was run")
    end = len(START)
    for _ in range(MAX_OPCODES):
        opcode, end = data[end : end + 1], end + 1
        if opcode not in FIXED and opcode not in COUNTED:
            _refuse_opcode(opcode, data)
        start = end + (COUNTED[opcode] if opcode in COUNTED else FIXED[opcode])
        argument = int.from_bytes(data[end:start], "little")
        end = start + argument if opcode in COUNTED else start
        if end > len(data) or (opcode == pickle.FRAME and end + argument > len(data)):
            raise ValueError(f"truncated: {len(data)} bytes")
        if opcode == pickle.FRAME and argument > MAX_FRAME:
            raise ValueError(f"damaged: a frame of {argument} bytes, more than {MAX_FRAME}; nothing was run")
        if opcode in TEXTS:
            _check_text(data, start, end)
        if opcode == pickle.STOP and end < len(data):
            raise ValueError(f"{len(data) - end} bytes after its end")
        if opcode == pickle.STOP:
            return
    raise ValueError(f"more than {MAX_OPCODES} pickle opcodes; nothing was run")


def _check_text(data: bytes, start: int, end: int) -> None:
    # A character has at most 4 bytes: a text with more is not decoded to be counted.
    if end - start > 4 * MAX_TEXT or len(data[start:end].decode("utf-8", "replace")) > MAX_TEXT:
        raise ValueError(f"a text of {end - start} bytes, more than {MAX_TEXT} characters; nothing was run")


def _refuse_opcode(opcode: bytes, data: bytes) -> NoReturn:
    if not opcode:
        raise ValueError(f"truncated: {len(data)} bytes")
    known = next((each for each in pickletools.opcodes if each.code == opcode.decode("latin-1")), None)
    name = known.name if known else f"0x{opcode.hex()}, which there is not,"
    raise ValueError(f"the pickle opcode {name} is refused: it is {what_it_is(data)}; nothing was run")
