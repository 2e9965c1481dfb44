"""Several hosts as one job, told apart by torchrun's `PET_*`: node 0 runs DVC, the others take part in the training.

Node 0 listens beside the port of PyTorch's own rendezvous while its job runs, and says in the end how it ended: so the
others know when to go, also when there was nothing to train, or node 0 was killed.
"""

import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path

from linear_classifier.launcher import has_several_hosts, main_host
from tools.job.children import run

HOSTS_TIMEOUT = 900  # seconds for node 0 to be there
MAX_HOSTS = 1024
KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))  # a cut is seen in 20 s
DOOR = 1  # of node 0, counted from the port of the rendezvous


def node_rank() -> int:
    """Which host this is: 0 where there is but one."""
    return int(os.environ.get("PET_NODE_RANK", "0")) if has_several_hosts() else 0


def lead(job: Callable[[], int]) -> int:
    """The exit code of `job`, which the other hosts, if there are some, are told in the end."""
    if not has_several_hosts():
        return job()
    with _listen() as listener:
        code = 1
        try:
            code = job()
        finally:
            _tell(listener, code)
    return code


def follow(workspace: Path = Path()) -> int:
    """Take part in the training of node 0's job, in the same `workspace`, and end as that ends.

    Gives its exit code, or that of the training here where that failed first.

    Raises:
        RuntimeError: node 0 is not there, was killed, or cannot be reached any more.
    """
    with _connect() as node0, chdir(workspace):
        code = run([sys.executable, "-m", "stages", "train"], os.environ, until=lambda: _has_spoken(node0))
        if code and not _has_spoken(node0):
            return code
        with suppress(OSError):  # a keep-alive that is not answered: the same as no answer
            if answer := node0.recv(16):
                return int(answer)
    raise RuntimeError("node 0 was killed, or cannot be reached any more; run it again: it goes on")


@contextmanager
def _listen() -> Iterator[socket.socket]:
    """Nobody need accept: the kernel keeps those who come, and hangs up on them if this process is killed."""
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.create_server(
        ("", _address()[1]), family=family, backlog=MAX_HOSTS, dualstack_ipv6=family == socket.AF_INET6
    ) as listener:
        listener.setblocking(False)
        yield listener


def _tell(listener: socket.socket, code: int) -> None:
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(str(code).encode())


def _connect() -> socket.socket:
    address, deadline = _address(), time.monotonic() + HOSTS_TIMEOUT
    while True:
        try:
            connection = socket.create_connection(address, timeout=5)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{address[0]}:{address[1]}: node 0 does not answer: {error.strerror}") from None
            time.sleep(0.5)
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return connection


def _has_spoken(connection: socket.socket) -> bool:
    """Whether node 0 has told its end, or has gone."""
    return bool(select.select([connection], [], [], 0)[0])


def _address() -> tuple[str, int]:
    """Of node 0's door."""
    port = int(os.environ.get("PET_MASTER_PORT", "29500"))
    return main_host(), port + DOOR
