from pathlib import Path

import pytest

from tests.setup.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", tmp_path / "wheels")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose .venv has been made; tests that use it leave it as it is."""
    folder = tmp_path_factory.mktemp("made")
    project = Project.create(folder / "project", folder / "wheels")
    project.make(".venv/.checks")
    return project
