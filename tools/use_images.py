"""`python -m tools.use_images SOURCE`: make images of your own the pipeline's, as docs/own-images.md says.

Writes where they are to params.yaml and makes them a dep of `prepare` in dvc.yaml, so that `dvc repro` prepares them
again when one changes. `--dataset fashion-mnist` goes back to it. All else in the two files stays, comments too; the
same command twice changes nothing.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from linear_classifier.io.console import open_console
from linear_classifier.io.files import write_bytes
from linear_classifier.io.sections import check_section
from linear_classifier.io.yaml_file import parse_yaml
from linear_classifier.params import PrepareParams, load_params
from linear_classifier.preparation.fashion_mnist import NAME

PARAMS, PIPELINE = Path("params.yaml"), Path("dvc.yaml")
FASHION_MNIST = {"image_size": [28, 28], "channels": 1}  # as committed, so that nothing is left of other images
OUTS = ("outs", "metrics", "plots")  # in dvc.yaml, of a stage
LAYOUTS = get_type_hints(PrepareParams)["dataset"].__args__


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    try:
        use_images(options)
    except (ValueError, OSError) as error:
        print(f"use-images: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"use-images: {PARAMS} and {PIPELINE} name {options.source or options.dataset}; run `make`")
    return 0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.use_images",
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", nargs="?", help="the folder, manifest or archive, inside this project")
    parser.add_argument("--dataset", choices=LAYOUTS, default="folder", help="the layout (default: folder)")
    parser.add_argument("--image-size", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--channels", type=int, choices=(1, 3))
    options = parser.parse_args(arguments)
    if (options.dataset == NAME) == bool(options.source):
        parser.error(f"--dataset {NAME} takes no source" if options.source else f"name a source, or --dataset {NAME}")
    return options


def use_images(options: argparse.Namespace) -> None:
    """Change the two files as `options` say, once both can be.

    Raises:
        ValueError: the source is not there or not inside the project, a param would be refused, or dvc.yaml is not that
        of this pipeline.
    """
    before = load_params(PARAMS).prepare.source
    source = find_inside(options.source) if options.source else None
    values = {"dataset": options.dataset, "source": source.as_posix() if source else ""}
    given = {"image_size": options.image_size, "channels": options.channels} if source else FASHION_MNIST
    params = edit_params(values | {name: value for name, value in given.items() if value is not None})
    dep = find_tracked(source) if source else None
    pipeline = edit_deps(Path(before), dep.as_posix() if dep else None)
    write_bytes(PARAMS, params)
    write_bytes(PIPELINE, pipeline)
    if dep and not dvc_file(dep).exists():
        print(f"use-images: {dep} is not tracked yet, so that no other clone can have it: run `dvc add {dep}`")


def find_inside(source: str) -> Path:
    """`source`, relative to the project, of which it must be part."""
    path = Path(source).expanduser().absolute()
    if path == Path.cwd():
        raise ValueError(f"{source}: the project itself; put the images into a folder of it, and name that")
    if not path.is_relative_to(Path.cwd()) or ".." in path.parts:
        raise ValueError(f"{source}: outside of this project, where DVC cannot track it; move or link it into it")
    path = path.relative_to(Path.cwd())
    if not path.exists() and not dvc_file(find_tracked(path)).exists():
        raise ValueError(f"{source}: not found; put the images there, or `dvc pull` them")
    return path


def find_tracked(source: Path) -> Path:
    """What DVC tracks of `source`: itself or a folder above it, else `source`."""
    return next((path for path in (source, *source.parents) if path.name and dvc_file(path).exists()), source)


def dvc_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.dvc")


def edit_params(values: dict[str, Any]) -> bytes:
    """params.yaml with `values` in the section prepare."""
    yaml, content = read(PARAMS)
    for name, value in values.items():
        if isinstance(value, list):
            content["prepare"][name][:] = value  # so that it stays in one line
        else:
            content["prepare"][name] = value
    data = dump(yaml, content)
    check_section(parse_yaml(data, str(PARAMS))["prepare"], PrepareParams, f"{PARAMS}: prepare")
    return data


def edit_deps(before: Path, dep: str | None) -> bytes:
    """dvc.yaml with `dep`, unless it is None, as a dep of prepare, and neither `before` nor a folder that holds it."""
    yaml, content = read(PIPELINE)
    try:
        deps = content["stages"]["prepare"]["deps"]
    except (KeyError, TypeError, IndexError):
        raise ValueError(
            f"{PIPELINE}: no stage prepare with deps; `git diff {PIPELINE}` shows what was changed"
        ) from None
    for made in _list_outs(content) if dep else []:
        if made.is_relative_to(str(dep)) or Path(str(dep)).is_relative_to(made):
            raise ValueError(f"{dep}: {made} is what a stage makes, see {PIPELINE}; put the images elsewhere")
    old = {path.as_posix() for path in (before, *before.parents)}
    for index in reversed(range(len(deps))):
        if deps[index] in old and deps[index] != dep:
            del deps[index]
    if dep and dep not in deps:
        deps.append(dep)
    return dump(yaml, content)


def _list_outs(content: Any) -> list[Path]:
    """What the stages of dvc.yaml write."""
    outs = [out for stage in content["stages"].values() for kind in OUTS for out in stage.get(kind) or []]
    return [Path(next(iter(out)) if isinstance(out, dict) else out) for out in outs]


def read(path: Path) -> tuple[YAML, Any]:
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 10**6
    yaml.indent(mapping=2, sequence=4, offset=2)  # as both files are written
    try:
        return yaml, yaml.load(path.read_bytes())
    except YAMLError as error:
        raise ValueError(f"{path}: not YAML ({error}); fix that line") from None
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run from the root of a clone") from None


def dump(yaml: YAML, content: Any) -> bytes:
    stream = io.BytesIO()
    yaml.dump(content, stream)
    return stream.getvalue()


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
