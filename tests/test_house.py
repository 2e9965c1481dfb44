"""The rules that keep it a house: who may import whom, and that DVC knows all that a stage depends on."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest
import yaml

from tests.processes import ROOT, run

PACKAGES = ("linear_classifier", "stages", "tools")
MAY_IMPORT = {  # of the three packages; nobody imports stages
    "linear_classifier": {"linear_classifier"},
    "stages": {"linear_classifier"},
    "tools": {"linear_classifier", "tools"},
}
ROOMS = {  # that came after the house, and are counted apart
    "own images": (
        *("linear_classifier/preparation/", "tools/use_images.py"),
        *("tools/benchmark/large_split.py", "tools/benchmark/small_pngs.py"),
    ),
    "the model for people": (
        *("linear_classifier/exporting/", "linear_classifier/prediction/", "linear_classifier/reporting/"),
        *("linear_classifier/evaluation/exact.py", "linear_classifier/evaluation/usual_inputs.py"),
        *("stages/export.py", "stages/report.py", "tools/predict.py", "tools/benchmark/photographs.py"),
        "tools/benchmark/page_speed.py",
    ),
    "resume and ranks": (
        *("linear_classifier/training/checkpoint.py", "linear_classifier/ranks.py", "linear_classifier/launcher.py"),
        *("tools/job/hosts.py", "tools/benchmark/many_ranks.py"),
    ),
}
LIMITS = {
    "library and stages": 2100,
    "tools": 3000,
    "own images": 2600,
    "the model for people": 1600,
    "resume and ranks": 500,
}
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The modules of the three packages that running `path` can import, dotted; not those for type checkers alone."""
    names: set[str] = set()
    for node in walk_code(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides who imports whom"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] in PACKAGES and file_of(name))


def walk_code(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below `node`, without what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from walk_code(child)


def file_of(module: str) -> Path | None:
    """The file of a dotted module name, or None if there is no such module."""
    path = ROOT / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def files_needed_by(stage: str) -> set[Path]:
    """Every local file that running `stage` imports, packages' `__init__.py` on the way included."""
    todo = {ROOT / "stages" / name for name in ("__init__.py", "__main__.py", f"{stage}.py")}
    done: set[Path] = set()
    while todo:
        path = todo.pop()
        done.add(path)
        for name in imports_of(path):
            parts = name.split(".")
            packages = (file_of(".".join(parts[:length])) for length in range(1, len(parts) + 1))
            todo |= {found for found in packages if found} - done
    return done


def deps_of(stage: str) -> list[Path]:
    """The files and folders of code that `dvc.yaml` lists for `stage`."""
    return [ROOT / dep for dep in PIPELINE[stage]["deps"] if dep.split("/")[0] in PACKAGES]


def params_read_by(stage: str) -> set[str]:
    """The sections of params.yaml that the stage reads, `runtime` apart."""
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text())
    sections = set(yaml.safe_load((ROOT / "params.yaml").read_text())) - {"runtime"}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in sections and reads_params(node.value)
    }


def reads_params(node: ast.expr) -> bool:
    is_name = isinstance(node, ast.Name) and node.id == "params"
    return is_name or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_params")


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """The name of each function of `path`, and its lines of code: without its docstring, comments and blank lines."""
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            numbers = {*range(node.lineno, node.body[0].lineno)} | {
                number for part in body for number in range(part.lineno, (part.end_lineno or part.lineno) + 1)
            }
            yield node.name, sum(bool(re.match(r"\s*[^#\s]", lines[number - 1])) for number in numbers)


def count_code(path: Path) -> int:
    """The lines of `path` that are code: no docstring, no comment, not blank."""
    tree = ast.parse(path.read_text())
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [node.body[0] for node in ast.walk(tree) if isinstance(node, scopes) and ast.get_docstring(node)]
    silent = {number for text in texts for number in range(text.lineno, (text.end_lineno or text.lineno) + 1)}
    lines = enumerate(path.read_text().splitlines(), start=1)
    return sum(bool(re.match(r"\s*[^#\s]", line)) and number not in silent for number, line in lines)


@pytest.mark.parametrize("stage", PIPELINE)
def test_dvc_yaml_lists_every_module_a_stage_imports(stage: str) -> None:
    needed, deps = files_needed_by(stage), deps_of(stage)
    missing = {file for file in needed if not any(file == dep or dep in file.parents for dep in deps)}
    assert not missing, "dvc repro would not notice a change in them"
    idle = {dep for dep in deps if not any(file == dep or dep in file.parents for file in needed)}
    assert not idle, "the stage would run again for nothing"


def test_dvc_yaml_lists_for_prepare_nothing_that_it_does_not_import() -> None:
    listed = {file for dep in deps_of("prepare") for file in (dep.rglob("*.py") if dep.is_dir() else [dep])}
    assert listed == files_needed_by("prepare"), "to decode again is dear"


@pytest.mark.parametrize("stage", PIPELINE)
def test_dvc_yaml_lists_every_params_section_a_stage_reads(stage: str) -> None:
    assert set(PIPELINE[stage].get("params", [])) == params_read_by(stage)


@pytest.mark.parametrize("stage", PIPELINE)
def test_dvc_yaml_lists_the_pins_and_keeps_metrics_in_git(stage: str) -> None:
    assert "requirements.txt" in PIPELINE[stage]["deps"]
    metrics = PIPELINE[stage].get("metrics", [])
    assert all(options == {"cache": False} for metric in metrics for options in metric.values())


def test_the_library_imports_neither_stages_nor_tools_and_nobody_imports_stages() -> None:
    for path in modules():
        package = path.relative_to(ROOT).parts[0]
        found = {name.split(".")[0] for name in imports_of(path)}
        assert found <= MAY_IMPORT[package], path


def test_no_import_runs_in_a_circle() -> None:
    arrows = {path: {file for name in imports_of(path) if (file := file_of(name))} - {path} for path in modules()}
    while arrows:
        free = {path for path, below in arrows.items() if not below & set(arrows)}
        assert free, f"a circle among {sorted(map(str, arrows))}"
        arrows = {path: below for path, below in arrows.items() if path not in free}


def test_functions_are_short() -> None:
    lengths = {f"{path.relative_to(ROOT)}: {name}": lines for path in modules() for name, lines in functions_of(path)}
    print(f"functions: {len(lengths)}, median {median(lengths.values())} lines, longest {max(lengths.values())}")
    assert median(lengths.values()) <= 8
    assert not {name: lines for name, lines in lengths.items() if lines > 40}


def test_no_two_modules_share_a_name_nor_differ_by_an_s() -> None:
    names = [path.stem for path in modules() if path.stem not in ("__init__", "__main__")]
    names += [path.parent.name for path in modules() if path.stem == "__init__"]
    twice = [name for name, count in Counter(name.rstrip("s") for name in names).items() if count > 1]
    assert not twice


def test_packages_stay_small() -> None:
    lines = Counter(dict.fromkeys(LIMITS, 0))
    for path in modules():
        lines[room_of(path.relative_to(ROOT).as_posix())] += count_code(path)
    print(f"lines of code, without docstrings, comments and blank lines: {dict(lines)}")
    assert all(count <= LIMITS[room] for room, count in lines.items())


def room_of(path: str) -> str:
    rest = "tools" if path.startswith("tools/") else "library and stages"
    return next((room for room, starts in ROOMS.items() if path.startswith(starts)), rest)


def test_importing_a_module_prints_and_writes_nothing(tmp_path: Path) -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules()]
    code = f"import {', '.join(sorted(names))}"
    done = run("python", "-c", code, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)})
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("", "", [])


def test_prepare_predict_and_the_reader_of_models_import_no_torch(tmp_path: Path) -> None:
    modules = "stages.prepare, stages.export, tools.predict, linear_classifier.model.model_file"
    code = f"import {modules}, sys; print({{'torch', 'scipy'}} & set(sys.modules))"
    assert run("python", "-c", code, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}).stdout == "set()\n"


def test_only_training_imports_torchvision(tmp_path: Path) -> None:
    code = "import stages.evaluate, stages.report, sys; print('torchvision' in sys.modules)"
    assert run("python", "-c", code, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}).stdout == "False\n"
