"""A container engine as the tests use it: every container is locked down as far as it goes."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STRANGER = 12345  # a user id that no passwd file knows
TIMEOUT = 300  # seconds, for what takes twenty on an idle machine
LOCKED_DOWN = (
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:size=16m",
)


class Engine:
    """`command` is docker or podman, with arguments if need be; `image` the image under test."""

    def __init__(self, command: list[str], image: str) -> None:
        self.command, self.image = command, image

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert not check or done.returncode == 0, (
            f"{arguments} ended in {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def run(
        self,
        *arguments: str,
        volumes: Mapping[Path, str] | None = None,
        options: tuple[str, ...] = (f"--user={STRANGER}:{STRANGER}",),
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """A finished container."""
        return self.call("run", "--rm", *LOCKED_DOWN, *options, *_mounts(volumes), self.image, *arguments, check=check)

    @contextmanager
    def running(self, *arguments: str, volumes: Mapping[Path, str]) -> Iterator[str]:
        """The id of a container that runs; it is removed at the end."""
        user = f"--user={STRANGER}:{STRANGER}"
        started = self.call("run", "--detach", *LOCKED_DOWN, user, *_mounts(volumes), self.image, *arguments)
        container = started.stdout.strip()
        try:
            yield container
        finally:
            self.call("rm", "--force", container)

    def log(self, container: str) -> str:
        done = self.call("logs", container)
        return done.stdout + done.stderr

    def wait_for(self, container: str, text: str) -> None:
        """Until the log of `container` has `text` in it."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.log(container):
            assert time.monotonic() < deadline, f"waited in vain for {text!r}:\n{self.log(container)}"
            time.sleep(0.1)

    def exit_code(self, container: str) -> int:
        return int(self.call("wait", container).stdout)


def _mounts(volumes: Mapping[Path, str] | None) -> list[str]:
    return [f"--volume={host}:{container}" for host, container in (volumes or {}).items()]
