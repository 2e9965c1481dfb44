"""A manifest: a table with a path, a label and perhaps a split a row, as CSV, JSON lines or Parquet, row by row."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from linear_classifier.data.splits import SplitName
from linear_classifier.io.files import open_regular
from linear_classifier.io.sections import short_repr
from linear_classifier.preparation.source_image import Unusable
from linear_classifier.preparation.source_names import normalise, show, suffix_of, why_unsafe
from linear_classifier.preparation.table_columns import Columns, label_of, need_columns, split_of

MAX_LINE = 10**6  # characters
_DELIMITERS = ",;\t|"
PYARROW = "pyarrow==26.0.1"


class Row(NamedTuple):
    path: str
    label: str
    split: SplitName | None


def read_rows(content: Path | bytes, name: str) -> Iterator[Row | Unusable]:
    """Each row of a manifest, whose suffix `name` has; a row that cannot be used by its line.

    Raises:
        ValueError: it is damaged, or lacks a column; the message names the line, and the columns that were found.
    """
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    read = _read_parquet if suffix_of(name) == ".parquet" else readers.get(suffix_of(name))
    if read is None:
        raise ValueError(f"{name}: expected a manifest .csv, .tsv, .jsonl, .ndjson or .parquet, or an archive with one")
    with io.BytesIO(content) if isinstance(content, bytes) else open_regular(content) as file:
        for where, values in read(file, name):
            yield _check_row(f"{name}, {where}", values)


def _check_row(where: str, values: list[Any] | str) -> Row | Unusable:
    if isinstance(values, str):
        return Unusable(where, values)
    path, label, split = values
    if not isinstance(path, str) or not path.strip():
        return Unusable(where, f"the path is {'empty' if path in (None, '') else short_repr(path)}, expected text")
    if reason := why_unsafe(path):
        return Unusable(f"{where}: {show(path)}", reason)
    try:
        return Row(normalise(path), label_of(label), split_of(split))
    except ValueError as error:
        return Unusable(f"{where}: {path}", str(error))


def _read_csv(file: BinaryIO, name: str) -> Iterator[tuple[str, list[Any] | str]]:
    lines = _read_lines(file, name)
    header = next((line for line in lines if line.strip()), "")
    delimiter, names = _split_header(header, name)
    columns = need_columns(names, name)
    places = [names.index(column) if column is not None else None for column in columns]
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            where = f"line {reader.line_num + 1}"
            if any(cells[len(names) :]):
                yield where, f"{len(cells)} cells, expected {len(names)}"
            elif any(cells):  # a spreadsheet leaves rows without any
                padded = [*cells, *[""] * len(names)]
                yield where, [padded[place] if place is not None else None for place in places]
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num + 1}: damaged ({error})") from None


def _split_header(header: str, name: str) -> tuple[str, list[str]]:
    """The delimiter that gives the most columns, and their names."""
    if not header:
        raise ValueError(f"{name}: empty; expected a line that names the columns path, label and perhaps split")
    splits = [(sign, next(csv.reader([header], delimiter=sign, skipinitialspace=True))) for sign in _DELIMITERS]
    return max(splits, key=lambda split: len(split[1]))


def _read_json_lines(file: BinaryIO, name: str) -> Iterator[tuple[str, list[Any] | str]]:
    columns: Columns | None = None
    for number, line in enumerate(_read_lines(file, name), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name}, line {number}: damaged JSON ({error})") from None
        if not isinstance(row, dict):
            raise ValueError(f"{name}, line {number}: {short_repr(row)}, expected an object with path and label")
        columns = columns or need_columns(list(row), f"{name}, line {number}")
        yield f"line {number}", [None if column is None else row.get(column) for column in columns]


def _read_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a text in UTF-8, or in UTF-16 where its first bytes say so."""
    start = file.read(2)
    file.seek(0)
    encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    number = 0
    try:
        while line := text.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE:
                raise ValueError(f"{name}, line {number}: longer than {MAX_LINE} characters")
            yield line
    except UnicodeError:
        raise ValueError(f"{name}, line {number + 1} or after it: not UTF-8; save it as UTF-8") from None
    finally:
        if not file.closed:
            text.detach()  # whoever opened the file closes it


def _read_parquet(file: BinaryIO, name: str) -> Iterator[tuple[str, list[Any] | str]]:
    try:
        import pyarrow  # here, since it is large, and only this format needs it
        import pyarrow.parquet
    except ImportError:
        raise ValueError(f"{name}: Parquet needs pyarrow; `pip install {PYARROW}`, or save it as CSV") from None
    try:
        table = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
        columns = need_columns(table.schema_arrow.names, name)
        wanted = [column for column in columns if column is not None]
        number = 0
        for batch in table.iter_batches(batch_size=10_000, columns=wanted, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", [None if column is None else row[column] for column in columns]
    except (pyarrow.ArrowException, OSError, UnicodeError) as error:
        raise ValueError(f"{name}: damaged Parquet ({' '.join(str(error).split())[:200]})") from None
