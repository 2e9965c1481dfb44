"""Where the project lies in git, and who calls its tools: subfolders, hooks, odd names, clones that lack objects."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, Workspace

TOOLS = (
    JOB,
    ("python", "-m", "tools.check_committed"),
    ("python", "-m", "tools.base_results", "HEAD"),
)
PRINTABLE = "".join(chr(code) for code in range(32, 127) if chr(code) not in "/")


def move(workspace: Workspace, folder: Path) -> Workspace:
    """The workspace, moved to `folder`, with the environment that it had."""
    shutil.move(workspace.path, folder)
    workspace.path.mkdir()
    return Workspace(folder)


def below_root(workspace: Workspace) -> Workspace:
    """The project as one folder of a larger repository."""
    larger = workspace.path.parent / "larger"
    larger.mkdir()
    below = move(workspace, larger / "ml")
    shutil.rmtree(below.path / ".git")
    for command in (["init", "-q"], ["config", "user.email", "a@b"], ["config", "user.name", "a"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=larger, check=True)
    subprocess.run(["git", "commit", "-qm", "all"], cwd=larger, check=True)
    return below


def test_fault_60_subfolder(workspace: Workspace) -> None:
    """the project in a subfolder of a larger repository"""
    below = below_root(workspace)
    try:
        for tool in TOOLS:
            below.run(*tool)
        assert "as HEAD has" not in below.run("python", "-m", "tools.reproduce").stdout
    finally:
        shutil.rmtree(below.path.parent)


@pytest.mark.parametrize("gitfile", [None, "gitdir: /nowhere\n"], ids=["none", "leads nowhere"])
def test_fault_61_no_repository(workspace: Workspace, gitfile: str | None) -> None:
    """`.git` is a file that leads nowhere"""
    shutil.rmtree(workspace.path / ".git")
    if gitfile:
        (workspace.path / ".git").write_text(gitfile)
    for tool in ("tools.job", "tools.base_results HEAD", "tools.reproduce"):
        if gitfile and tool == "tools.job":  # works, as DVC does
            workspace.run(*JOB)
            continue
        message = workspace.refused(1, "python", "-m", *tool.split())
        assert "git" in message and message.count("\n") == 1


def test_fault_61_no_git_program(workspace: Workspace) -> None:
    """no git program: the job works where DVC does"""
    folder = workspace.path / ".dvc/tmp/bin"
    folder.mkdir()
    for name in ("sh", "env"):
        (folder / name).symlink_to(shutil.which(name) or "")
    python = Path(workspace.env["PATH"].split(os.pathsep)[0])
    workspace.env["PATH"] = f"{folder}"
    workspace.run(str(python / "python"), *JOB[1:], "-f", "-s", "evaluate")
    message = workspace.refused(1, str(python / "python"), "-m", "tools.base_results", "HEAD")
    assert "git: not found; install git" in message


CLONES = {  # how each is made, and the fetch of what it lacks
    "blobless": ("--filter=blob:none", "git fetch --refetch --no-filter"),
    "treeless": ("--filter=tree:0", "git fetch --refetch --no-filter"),
    "shallow": ("--depth=1", "git fetch --unshallow"),
    "sparse": ("--sparse", ""),
}


def clone_in_part(workspace: Workspace, kind: str) -> Workspace:
    """A clone that lacks what the commit before the last one had, with the DVC cache, and no way to its origin."""
    workspace.set_params(num_mistakes=23)
    workspace.run("dvc", "repro")
    workspace.run("git", "commit", "--quiet", "--all", "--message", "next")
    workspace.run("git", "config", "uploadpack.allowFilter", "true")
    clone = Workspace(workspace.path.parent / kind)
    workspace.run("git", "clone", "--quiet", CLONES[kind][0], f"file://{workspace.path}", str(clone.path))
    if kind == "sparse":
        clone.run("git", "sparse-checkout", "set", ".dvc", "linear_classifier", "reports", "stages", "tools")
    clone.run("git", "remote", "set-url", "origin", "file:///nowhere")
    shutil.copytree(workspace.path / ".dvc/cache", clone.path / ".dvc/cache")
    return clone


@pytest.mark.parametrize("kind", CLONES)
def test_fault_62_clone_in_part(workspace: Workspace, kind: str) -> None:
    """a shallow, partial (blobless, treeless) or sparse clone"""
    clone = clone_in_part(workspace, kind)
    try:
        for tool in (*TOOLS, ("python", "-m", "tools.compare", "HEAD")):
            clone.run(*tool)
        for code, name in ((1, "tools.base_results"), (2, "tools.compare")):
            command = ("python", "-m", name, "HEAD~1")
            if fetch := CLONES[kind][1]:
                message = clone.refused(code, *command)
                assert message.count("\n") == 1 and f"`{fetch}`" in message, message
            else:
                clone.run(*command)
        assert clone.run("git", "status", "--porcelain").stdout == ""
    finally:
        shutil.rmtree(clone.path)


def test_fault_63_git_hook(workspace: Workspace) -> None:
    """a tool called from a git hook"""
    calls = "".join(f"{' '.join(tool)} || exit 1\n" for tool in TOOLS[1:])
    hook = workspace.path / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\n{calls}")
    hook.chmod(0o755)
    side = workspace.path.parent / "side"
    workspace.run("git", "worktree", "add", "-q", "-b", "side", str(side))
    shutil.copytree(workspace.path / ".dvc/cache", side / ".dvc/cache")
    try:
        for place in (workspace, Workspace(side)):
            (place.path / "staged").touch()
            place.run("git", "add", "staged")
            place.run("git", "commit", "-q", "-m", "staged")
            assert place.run("git", "diff", "--name-only", "HEAD~1", "HEAD").stdout == "staged\n"
            assert place.run("git", "status", "--porcelain", "--untracked-files=no").stdout == ""
    finally:
        shutil.rmtree(side)


def test_fault_64_hooks_of_the_user(workspace: Workspace) -> None:
    """hooks of the user that fail or act (post-checkout)"""
    hook = workspace.path / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch acted; exit 1\n")
    hook.chmod(0o755)
    workspace.run("python", "-m", "tools.base_results", "HEAD")
    assert not (workspace.path / "acted").exists()
    assert len(workspace.run("git", "worktree", "list").stdout.splitlines()) == 1


def test_fault_66_experiment_in_a_copy(workspace: Workspace, needs_root: None) -> None:
    """`dvc exp run --temp` of a knob of prepare, offline"""
    workspace.run("unshare", "-n", "dvc", "exp", "run", "--temp", "-S", "prepare.val_fraction=0.2")


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_fault_71_folders_of_the_job(workspace: Workspace, umask: int) -> None:
    """several users' DVC on one machine: the job's folders are as open as DVC's own"""
    shutil.rmtree(workspace.path / ".dvc/tmp/job", ignore_errors=True)
    (workspace.path / ".dvc/tmp").chmod(0o777)
    site = workspace.path.parent / f"site-{umask}"
    workspace.env["DVC_SITE_CACHE_DIR"] = str(site)
    workspace.run("sh", "-c", f"umask {umask:o}; exec {' '.join(JOB)} -s prepare")
    for folder in (workspace.path / ".dvc/tmp/job", site / "repo"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o777
    shutil.rmtree(site)


def test_fault_72_python_of_the_job(workspace: Workspace) -> None:
    """`dvc` in another environment than the stages' Python"""
    python = Path(workspace.env["PATH"].split(os.pathsep)[0]) / "python"
    decoy = workspace.path / ".dvc/tmp/decoy"
    decoy.mkdir()
    (decoy / "python").write_text("#!/bin/sh\nexit 9\n")
    (decoy / "python").chmod(0o755)
    workspace.env["PATH"] = f"{decoy}:{os.environ['PATH']}"
    workspace.run(str(python), *JOB[1:], "-f", "-s", "evaluate")


def test_fault_76_printable_names(workspace: Workspace) -> None:
    """branch, folder and file names with every printable character"""
    odd = move(workspace, workspace.path.parent / PRINTABLE)
    try:
        branch = re.sub(r"[ ~^:?*\[\\]|\.\.|@\{", "", PRINTABLE).strip(".-")
        odd.run("git", "checkout", "-q", "-b", branch)
        for tool in (*TOOLS[:2], ("python", "-m", "tools.base_results", branch)):
            odd.run(*tool)
    finally:
        shutil.rmtree(odd.path)


def test_fault_76_repo_of_another_user_in_an_odd_folder(workspace: Workspace, as_stranger: list[str]) -> None:
    """a folder name in git's configuration"""
    odd = move(workspace, workspace.path.parent / PRINTABLE)
    try:
        subprocess.run(["chmod", "-R", "a+rwX", odd.path], check=True)
        trusted = odd.run(*as_stranger, *JOB, "--exec", "git", "config", "--get-all", "safe.directory").stdout
        assert str(odd.path) in trusted.splitlines()
        odd.run(*as_stranger, *JOB, "--exec", "git", "status")
    finally:
        shutil.rmtree(odd.path)
