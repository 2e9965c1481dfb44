"""Every wait of the product has an end: the list of them, held against the code. `pytest -s` prints it."""

import ast
from collections.abc import Iterator

from tests.processes import ROOT

FOLDERS = ("linear_classifier", "stages", "tools", "setup")
SUBPROCESS = {"run", "call", "check_call", "check_output", "Popen"}
WAITING = {
    *("wait", "wait3", "wait4", "waitid", "waitpid", "sigwait", "communicate", "sleep", "pause", "flock", "lockf"),
    *("result", "as_completed", "shutdown", "acquire", "imap", "imap_unordered", "starmap", "apply", "input"),
    *("select", "recv", "accept", "connect", "create_connection", "urlopen", "urlretrieve", "request", "getresponse"),
    *("DataLoader", "ProcessPoolExecutor", "ThreadPoolExecutor", "EnvBuilder"),
}
DVC = {"cat_file", "read_bytes", "open", "info", "pull", "fetch", "status"}  # its file systems may ask a remote
ENDS = {  # (file, function, call): its end
    ("linear_classifier/data/loader.py", "_one_ahead", "ThreadPoolExecutor"): "as its result",
    ("linear_classifier/data/loader.py", "_one_ahead", "coming.result"): "it computes, or waits in _groups, see there",
    ("linear_classifier/data/order.py", "_groups", "ThreadPoolExecutor"): "as its result",
    ("linear_classifier/data/order.py", "_groups", "loaded.result"): "a local disk's own: it reads 44 MB",
    ("linear_classifier/io/provenance.py", "_git_commit", "subprocess.run"): "timeout=10",
    ("linear_classifier/io/files.py", "_temporary_beside", "fcntl.flock"): (
        "the file is new: only a sweep may have it, for a moment"
    ),
    ("linear_classifier/ranks.py", "_interface_to", "probe.connect"): "of a datagram: sends nothing",
    ("linear_classifier/ranks.py", "_wait_for_all", "time.sleep"): "PATIENCE, 3 s",
    ("linear_classifier/preparation/decoding_pool.py", "_finish", "future.result"): "timeout=SECONDS_A_CHUNK, 600 s",
    ("linear_classifier/preparation/decoding_pool.py", "_pool", "ProcessPoolExecutor"): "as its results and shutdown",
    ("linear_classifier/preparation/decoding_pool.py", "_pool", "pool.shutdown"): (
        "its workers are idle, since every result was taken, or were killed before"
    ),
    ("linear_classifier/preparation/fashion_mnist.py", "_run", "subprocess.run"): "timeout=LIMIT, 1800 s",
    ("setup/make_venv.py", "create", "venv.EnvBuilder"): "ensurepip unpacks the pip that Python has, without network",
    ("setup/make_venv.py", "is_whole", "subprocess.run"): "timeout=PYTHON_LIMIT, 120 s",
    ("setup/make_venv.py", "lock", "fcntl.flock"): "its holder ends within PIP_LIMIT for each list, or Ctrl-C here",
    ("setup/make_venv.py", "run_pip", "subprocess.run"): "timeout=PIP_LIMIT, 4 hours",
    (
        "tools/check_gpu.py",
        "run_step",
        "subprocess.Popen",
    ): "the step's own end: each is a command with ends of its own",
    ("tools/benchmark/epoch_speed.py", "textbook_images_per_second", "DataLoader"): "no workers: it computes",
    ("tools/benchmark/processes.py", "LAUNCHER", "os.wait4"): "signal.alarm(3600) kills what is waited for",
    ("tools/benchmark/processes.py", "LAUNCHER", "time.sleep"): "as os.wait4",
    (
        "tools/benchmark/processes.py",
        "run_process",
        "subprocess.run",
    ): "the launcher ends with what it started, see there",
    ("tools/compare/figure.py", "_ask_dvc", "subprocess.run"): "timeout=DVC_LIMIT, 120 s",
    ("tools/compare/revision_files.py", "_hash_file", "self._fs.open"): "_time_limit, 45 s and one for each 50 kB",
    ("tools/compare/revision_files.py", "_ask_remote", "remote.fs.info"): "_time_limit, 45 s",
    ("tools/compare/revision_files.py", "_info", "self._fs.info"): "_time_limit, 45 s",
    ("tools/compare/revision_files.py", "read", "self._fs.read_bytes"): "_time_limit, 45 s and one for each 50 kB",
    ("tools/dvc_project.py", "find_stale", "repo.status"): "DVC waits 3 s for its lock, and asks no remote",
    ("tools/dvc_project.py", "hash_object", "fs.info"): "of DVC's cache, on this machine",
    ("tools/git.py", "run_git", "subprocess.run"): "timeout=timeout, TIMEOUT, 120 s",
    ("tools/job/children.py", "run", "child.wait"): "PATIENCE, 5 s; it was ended before",
    ("tools/job/children.py", "_end_descendants", "time.sleep"): "deadline: GRACE, 1.5 s, then PATIENCE, 5 s",
    (
        "tools/job/children.py",
        "_wait",
        "child.wait",
    ): "the command's own end, or a signal here, which ends all below it",
    ("tools/job/children.py", "run", "subprocess.Popen"): (
        "the command's own end, or a signal here, which ends all below it"
    ),
    ("tools/job/hosts.py", "_connect", "socket.create_connection"): "timeout=5, and HOSTS_TIMEOUT for all",
    ("tools/job/hosts.py", "_connect", "time.sleep"): "HOSTS_TIMEOUT, 900 s",
    ("tools/job/hosts.py", "_has_spoken", "select.select"): "at once",
    ("tools/job/hosts.py", "_tell", "listener.accept"): "does not block",
    ("tools/job/hosts.py", "follow", "node0.recv"): "node 0's job ends, or a keep-alive is not answered in 20 s",
    ("tools/job/remote.py", "_run", "subprocess.run"): "timeout=limit, ANSWER, 45 s, and for a pull one for each 50 kB",
    ("tools/job/remote.py", "probe", "remote.fs.cat_file"): "a process of its own, which _run ends after ANSWER",
    ("tools/job/workspace.py", "_clear_lock_file", "time.sleep"): "deadline: PATIENCE",
}


def test_every_wait_has_an_end() -> None:
    found = find_waits()
    for (path, name, call), end in sorted(ENDS.items()):
        print(f"{path}  {name}  {call}: {end}")
    new = "\n".join(f'    {wait}: "its end",' for wait in sorted(found.keys() - ENDS.keys()))
    assert not new, f"waits without an end: give each one, then add it to ENDS:\n{new}"
    gone = sorted(ENDS.keys() - found.keys())
    assert not gone, f"waits that are gone: take them out of ENDS: {gone}"
    for wait, end in ENDS.items():
        assert not end.startswith("timeout=") or end.split(",")[0] in found[wait], f"{wait}: not so: {end}"


def find_waits() -> dict[tuple[str, str, str], str]:
    """File, function and called name of each call that may wait, for a process, a remote or a time, and its source."""
    found = {}
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, node in walk(tree, "module"):
            if isinstance(node, ast.Call) and may_wait(node):
                wait = path.relative_to(ROOT).as_posix(), name, ast.unparse(node.func)
                assert wait not in found, f"{wait}: two in one function: make a function of one"
                found[wait] = ast.unparse(node)
    return found


def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the function it is in; also those of a program that stands in a string, by the string's name."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef) else name
        if isinstance(child, ast.Assign) and (program := program_in(child.value)):
            yield from walk(ast.parse(program), ast.unparse(child.targets[0]))
        yield inside, child
        yield from walk(child, inside)


def program_in(node: ast.AST) -> str:
    """The Python program that a string is, else ""."""
    is_program = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("\nimport ")
    return ast.literal_eval(node) if is_program else ""


def may_wait(call: ast.Call) -> bool:
    *receiver, method = ast.unparse(call.func).split(".")
    given = {keyword.arg for keyword in call.keywords}
    if method in SUBPROCESS:
        return receiver == ["subprocess"]
    if method in ("get", "join"):  # of a queue, a thread or a process; a dictionary's and a string's take an argument
        return not call.args
    if method in DVC:
        return bool(receiver) and receiver[-1].endswith(("fs", "repo"))
    if method == "select":
        return receiver == ["select"]
    if method in ("flock", "waitpid"):
        return not any(flag in ast.unparse(call) for flag in ("LOCK_NB", "LOCK_UN", "WNOHANG"))
    if method == "FashionMNIST":
        return "download" in given
    return method in WAITING or (method == "map" and bool(receiver))
