"""A YAML file, read so that whatever is in it ends in a value or in one line that says what is wrong, and where."""

import re
from pathlib import Path
from typing import Any

import yaml

from linear_classifier.io.files import open_regular

MAX_BYTES = 100_000  # PyYAML takes up to a second for them; params.yaml has 2,500
NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
DECIMAL = re.compile(r"[-+]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?\.inf|\.nan", re.ASCII | re.IGNORECASE)


def read_yaml(path: Path) -> Any:
    """What `path` holds, of the plain types of YAML.

    Raises:
        ValueError: the file is missing, or as `parse_yaml`.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(
            f"{path}: not found; run from the project's root, or bring it back with `git checkout {path}`"
        ) from None
    return parse_yaml(data, str(path))


def parse_yaml(data: bytes, path: str) -> Any:
    """What the file `path` holds, whose bytes are `data`, of the plain types of YAML.

    Raises:
        ValueError: it is too long or not YAML, or gives a key twice; the message names the line.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(
            f"{path}: more than {MAX_BYTES} bytes, expected a few knobs; `git diff {path}` shows what was added"
        )
    try:
        return yaml.load(data, _StrictLoader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line, reason = error.problem_mark.line if error.problem_mark else 0, error.problem
    except yaml.reader.ReaderError as error:
        line, reason = data.count(b"\n", 0, error.position), error.reason
    except RecursionError:
        line, reason = 0, "it is nested too deeply"
    raise ValueError(
        f"{path}: line {line + 1}: not YAML: {reason}; fix that line (`git diff {path}` shows what was changed)"
    )


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, with every error at its line, and a key given twice is one and no silent win of the second.

    Keys are plain, so that none is unhashable and no `<<` multiplies itself. Numbers are decimal: PyYAML would read
    1:30 as 90 and 010 as 8, where DVC reads a text and 10.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in NUMBER_TAGS and not DECIMAL.fullmatch(str(node.value)):
            problem = f"write the number {str(node.value)[:60]!r} in decimal"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # nearly any type, where a tag does not fit its value, as in `!!int x`
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value[:60]!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
