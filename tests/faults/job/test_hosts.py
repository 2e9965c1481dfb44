"""Two hosts, each a network namespace with a cable between, as one job."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.job.workspace import JOB, Workspace, wait_until

HOSTS = tuple(f"faults{os.getpid()}-host{number}" for number in (0, 1))  # other runs may have some, too
ADDRESSES = ("10.77.0.1", "10.77.0.2")


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


@pytest.fixture
def hosts(needs_root: None) -> Iterator[None]:
    """Two network namespaces, joined by a cable."""
    if not shutil.which("ip"):
        pytest.skip("no `ip` here (`apt-get install iproute2`)")
    probe = subprocess.run(["ip", "netns", "add", HOSTS[0]], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no network namespaces here: {probe.stderr.strip()}")
    try:
        ip("netns", "add", HOSTS[1])
        ip("link", "add", "cable0", "netns", HOSTS[0], "type", "veth", "peer", "name", "cable1", "netns", HOSTS[1])
        for number, (host, address) in enumerate(zip(HOSTS, ADDRESSES, strict=True)):
            ip("-n", host, "addr", "add", f"{address}/24", "dev", f"cable{number}")
            for device in ("lo", f"cable{number}"):
                ip("-n", host, "link", "set", device, "up")
        yield
    finally:
        for host in HOSTS:
            ip("netns", "del", host, check=False)


class Node(Workspace):
    """A host of the two: a command of `workspace` that runs in its namespace, its output in a file of its own."""

    def __init__(self, workspace: Workspace, number: int) -> None:
        super().__init__(workspace.path)
        self.number = number
        rendezvous = {"PET_NNODES": "2", "PET_NODE_RANK": str(number), "PET_MASTER_ADDR": ADDRESSES[0]}
        self.env |= {**rendezvous, "PET_MASTER_PORT": "29411"}
        self.process: subprocess.Popen[str]

    @property
    def output(self) -> str:
        return (self.path.parent / f"host{self.number}.output").read_text()

    def start(self, stack: ExitStack) -> None:
        command = ("ip", "netns", "exec", HOSTS[self.number], *JOB)
        file = stack.enter_context((self.path.parent / f"host{self.number}.output").open("w"))
        self.process = subprocess.Popen(
            command, cwd=self.path, env=self.env, stdout=file, stderr=file, text=True, start_new_session=True
        )
        stack.callback(self.process.wait, 60)
        stack.callback(self.kill)

    def pids(self) -> list[int]:
        """The living processes of this host."""
        found = [pid for pid in self.processes() if f"PET_NODE_RANK={self.number}" in _environment(pid)]
        return [pid for pid in found if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"]

    def kill(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    except OSError:
        return []


def start_both(workspace: Workspace, stack: ExitStack) -> tuple[Node, Node]:
    nodes = Node(workspace, 0), Node(workspace, 1)
    for node in nodes:
        node.start(stack)
    return nodes


def test_fault_87_two_hosts_make_the_same_and_end_together(workspace: Workspace, hosts: None) -> None:
    """a host of several is killed, or the network between is cut"""
    model, lock = workspace.read("models/model.pkl"), workspace.read("dvc.lock")
    for nothing_to_do in (True, False):
        if not nothing_to_do:
            workspace.run("rm", "-r", ".dvc/cache", "models", "reports/train", "reports/evaluate")
        with ExitStack() as stack:
            nodes = start_both(workspace, stack)
            assert [node.process.wait(240) for node in nodes] == [0, 0], nodes[0].output + nodes[1].output
            assert ("train: epoch 1/1" in nodes[0].output) is not nothing_to_do and nodes[1].output == ""
    assert workspace.read("models/model.pkl") == model and workspace.read("dvc.lock") == lock


@pytest.mark.parametrize("victim", [0, 1])
def test_fault_87_a_host_is_killed(victim: int, workspace: Workspace, hosts: None) -> None:
    """a host of several is killed, or the network between is cut"""
    _break(workspace, lambda nodes: nodes[victim].kill(), survivors=[1 - victim], seconds=30)


def test_fault_87_the_network_is_cut(workspace: Workspace, hosts: None) -> None:
    """a host of several is killed, or the network between is cut"""
    _break(workspace, lambda nodes: ip("-n", HOSTS[0], "link", "set", "cable0", "down"), survivors=[0, 1], seconds=100)


def _break(
    workspace: Workspace, fault: Callable[[tuple[Node, Node]], None], survivors: list[int], seconds: float
) -> None:
    model = workspace.read("models/model.pkl")
    workspace.set_params(epochs=5000)
    with ExitStack() as stack:
        nodes = start_both(workspace, stack)
        wait_until(lambda: "train: epoch 1/" in nodes[0].output)
        fault(nodes)
        started = time.monotonic()
        for number in survivors:
            assert nodes[number].process.wait(seconds) == 1, nodes[number].output
            print(f"host {number}: {nodes[number].output}")
            [line] = [
                line for line in nodes[number].output.splitlines() if "error: " in line and "dvc repro" not in line
            ]
            assert "another rank has gone" in line or "node 0 was killed" in line
        wait_until(lambda: not workspace.processes())
        print(f"ended after {time.monotonic() - started:.1f} s")
    workspace.set_params(epochs=1)
    workspace.run(*JOB)
    assert workspace.read("models/model.pkl") == model
