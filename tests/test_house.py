"""The rules that keep it a house: who may import whom, and that DVC knows all that a stage depends on."""

import ast
from pathlib import Path

import pytest
import yaml

from tests.processes import run

ROOT = Path(__file__).parents[1]
STAGES = ("prepare", "train", "evaluate")
GROUND = {"params", "files", "devices", "model", "entry", "provenance", "drawing", "yaml_file"}
FLOOR = {"splits", "model_file", "pickles", "batches"}
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def imports_of(path: Path) -> set[str]:
    """The modules of `stages` that `path` imports anywhere in it, dotted."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides who imports whom"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("stages", "tools") and file_of(name)}


def file_of(module: str) -> Path | None:
    """The file of a dotted module name, or None if there is no such module."""
    path = ROOT / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def files_needed_by(stage: str) -> set[Path]:
    """Every local file that running `stage` imports, packages' `__init__.py` on the way included."""
    todo, done = set((ROOT / "stages" / stage).glob("*.py")), set()
    while todo:
        path = todo.pop()
        done.add(path)
        for name in imports_of(path):
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                found = file_of(".".join(parts[:length]))
                if found and found not in done:
                    todo.add(found)
    return done | {ROOT / "stages/__init__.py"}


def deps_of(stage: str) -> set[Path]:
    """Every Python file that `dvc.yaml` lists for `stage`, folders expanded."""
    paths = [ROOT / dep for dep in PIPELINE[stage]["deps"] if dep.startswith("stages")]
    return {file for path in paths for file in (path.glob("*.py") if path.is_dir() else [path])}


def params_read_by(stage: str) -> set[str]:
    """The sections of params.yaml that the stage's `__main__` reads, `runtime` apart."""
    tree = ast.parse((ROOT / "stages" / stage / "__main__.py").read_text())
    sections = set(yaml.safe_load((ROOT / "params.yaml").read_text())) - {"runtime"}
    read: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in sections and reads_params(node.value):
            read.add(node.attr)
    return read


def reads_params(node: ast.expr) -> bool:
    is_name = isinstance(node, ast.Name) and node.id == "params"
    return is_name or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_params")


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_lists_every_module_a_stage_imports(stage: str) -> None:
    assert deps_of(stage) == files_needed_by(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_lists_every_params_section_a_stage_reads(stage: str) -> None:
    assert set(PIPELINE[stage]["params"]) == params_read_by(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_lists_the_pins_and_keeps_metrics_in_git(stage: str) -> None:
    assert "requirements.txt" in PIPELINE[stage]["deps"]
    assert all(
        options == {"cache": False} for metric in PIPELINE[stage].get("metrics", []) for options in metric.values()
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_never_imports_another_stage_or_a_tool(stage: str) -> None:
    for path in (ROOT / "stages" / stage).glob("*.py"):
        others = {name for name in imports_of(path) if name.split(".")[1:2] not in ([stage], [])}
        rooms = {name.split(".")[1] for name in others}
        assert rooms <= GROUND | FLOOR, path
        assert not any(name.startswith("tools") for name in imports_of(path)), path


def test_no_arrow_runs_up_and_none_in_a_circle() -> None:
    arrows = {
        path.stem: {name.split(".")[1] for name in imports_of(path) if "." in name} - {path.stem}
        for path in (ROOT / "stages").glob("*.py")
        if path.stem != "__init__"
    }
    assert set(arrows) <= GROUND | FLOOR
    for room, below in arrows.items():
        assert below <= (GROUND if room in GROUND else GROUND | FLOOR), room
    while arrows:
        free = {room for room, below in arrows.items() if not below & set(arrows)}
        assert free, f"a circle among {sorted(arrows)}"
        arrows = {room: below for room, below in arrows.items() if room not in free}


def test_importing_a_stage_module_prints_and_writes_nothing(tmp_path: Path) -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "stages").rglob("*.py")]
    done = run(
        "python", "-c", f"import {', '.join(sorted(modules))}", cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}
    )
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("", "", [])


def test_prepare_and_the_reader_of_models_import_no_torch(tmp_path: Path) -> None:
    code = "import stages.prepare.__main__, stages.model_file, sys; print({'torch', 'scipy'} & set(sys.modules))"
    assert run("python", "-c", code, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)}).stdout == "set()\n"
