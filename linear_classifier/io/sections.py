"""A section of a file of settings, read into a frozen dataclass, every value typed and in range."""

import difflib
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Section = TypeVar("Section", bound="DataclassInstance")


@dataclass(frozen=True)
class Range:
    """A closed interval, or with `open_low`/`open_high` one without that end."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    or_word: str = ""  # that stands for a number

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        word = f" or {self.or_word}" if self.or_word else ""
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:.10g}{')' if self.open_high else ']'}{word}"


def check_section(content: Any, kind: type[Section], where: str) -> Section:
    """`content`, a mapping as read from a file, as the section `kind`; `where` opens each message.

    Raises:
        ValueError: a key is missing or unknown, or a value is of the wrong type or out of range.
    """
    values = check_keys(content, kind, where)
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: _check_value(values[name], hints[name], f"{where}.{name}") for name in values})


def check_keys(content: Any, kind: type[Any], where: str) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        found = short_repr(content)
        raise ValueError(
            f"{where}: must be a mapping with the keys {', '.join(names)}, got {found}; write a line for each"
        )
    for key in content:
        if key not in names:
            near = difflib.get_close_matches(str(key)[:40], names, n=1, cutoff=0)
            raise ValueError(
                f"{where}: unknown key {short_repr(key)}; the nearest known key is {near[0]!r}: write that or delete it"
            )
    for name in names:
        if name not in content:
            raise ValueError(f"{where}: the key {name!r} is missing; add it (`git diff` shows what was changed)")
    return content


def _check_value(value: Any, hint: Any, where: str) -> str | int | float | list[int | float]:
    if get_origin(hint) is Literal:
        choices: tuple[str | int, ...] = get_args(hint)
        for choice in choices:
            if type(value) is type(choice) and value == choice:  # True is 1 for `==`
                return choice
        raise ValueError(f"{where} must be one of {', '.join(map(str, choices))}, got {short_repr(value)}; change it")
    if hint is str:
        if not isinstance(value, str):
            raise ValueError(f'{where} must be text, got {short_repr(value)}; put it in quotes, or write "" for none')
        if not _can_be_path(value):
            raise ValueError(f"{where} must be a path, got {short_repr(value)}, which no file can have; change it")
        return value
    kind, allowed, *length = get_args(hint)
    if length:
        return _check_list(value, get_args(kind)[0], allowed, length[0], where)
    return _check_number(value, kind, allowed, where)


def _can_be_path(text: str) -> bool:
    """Whether no part of it is too long for a disk, and each character can be in a name."""
    try:
        names = text.encode().split(b"/")
    except UnicodeEncodeError:
        return False
    return "\0" not in text and len(text) < 4096 and all(len(name) < 256 for name in names)


def _check_list(value: Any, kind: type[int | float], allowed: Range, length: int, where: str) -> list[int | float]:
    if not isinstance(value, list) or len(value) != length:
        raise ValueError(f"{where} must be a list of {length} numbers, as in [28, 28], got {short_repr(value)}")
    return [_check_number(item, kind, allowed, f"{where}[{index}]") for index, item in enumerate(value)]


def _check_number(value: Any, kind: type[int | float], allowed: Range, where: str) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) or kind is float
    if not is_number or not whole or value not in allowed:
        noun = "a whole number" if kind is int else "a number"
        raise ValueError(f"{where} must be {noun} in {allowed}, got {short_repr(value)}{_hint(value, kind, allowed)}")
    return kind(value)


def _hint(value: Any, kind: type[int | float], allowed: Range) -> str:
    """What to do; of a number that YAML read as text, such as `1e-3`, how to write it."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        number = math.nan
    if number not in allowed or (kind is int and not number.is_integer()):
        return "; change it"
    text = repr(kind(number))
    return f" (write {text if '.' in text else text.replace('e', '.0e')}, without quotes)"


def short_repr(value: Any) -> str:
    """`value` as one short line; no list in a list, since a hostile one is deep or has no end."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, list):
        items = ["..." if isinstance(item, list | dict) else short_repr(item) for item in value[:4]]
        return f"[{', '.join(items)}{', ...' if len(value) > 4 else ''}]"
    if isinstance(value, str):
        value = value[:60]  # first, since its repr may be ten times as long
    text = repr(value) if value is None or isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
