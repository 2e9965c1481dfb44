"""One training on several processes, the ranks: started by PyTorch's own launcher, torch.distributed.run.

Every rank makes every step, each with its part of the batch, and what they find is summed; rank 0 alone writes.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch
import torch.distributed as dist
from torch import Tensor

from linear_classifier.launcher import has_several_hosts, main_host

TIMEOUT = timedelta(seconds=60)  # for a sum over the ranks, which takes milliseconds
PATIENCE = 3.0  # seconds for the launcher to end a rank that has lost another one, and for a rank to end when told to
HOSTS_TIMEOUT = 900  # seconds for all hosts to come, and to be ready for the first step
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")
_patient: list[Any] = []  # the group of all ranks that waits HOSTS_TIMEOUT, once there are ranks


class RankError(RuntimeError):
    """A rank has failed: `exit_code` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def has_ranks(processes: int) -> bool:
    """Whether the training takes several processes, here or, by torchrun's `PET_NNODES`, on several hosts."""
    return processes > 1 or has_several_hosts() or os.environ.get("PET_NPROC_PER_NODE", "") not in ("", "1")


def is_rank() -> bool:
    """Whether this process was started by the launcher."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch_ranks(module: str, argument: str, processes: int) -> None:
    """Run `python -m module argument` as `processes` ranks on this host, and wait for their end; `PET_*` goes before.

    Raises:
        RankError: one has failed, and the others were ended. The message is its own.
        SystemExit: a signal has ended all of them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch
    from torch.distributed.run import config_from_args, parse_args

    logging.disable()  # the launcher's pages about an end; what matters is said in one line
    handled = [name for name in SIGNALS if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN]
    for name in handled:  # while it waits for other hosts no handler of Python's would run
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        with TemporaryDirectory(prefix="ranks-") as folder:
            options = [
                f"--log-dir={folder}",
                f"--signals-to-handle={','.join(handled)}",
                f"--shutdown-timeout={PATIENCE:.0f}",
            ]
            args = parse_args([*options, *_choose_hosts(processes), "--module", module, argument])
            config, command, arguments = config_from_args(args)
            try:
                elastic_launch(config, command)(*arguments)
            except ChildFailedError as error:
                raise _cause_of(error.failures) from None
            finally:
                for name in handled:  # a second one, as when `dvc` dies too, must not disturb the clearing up
                    signal.signal(getattr(signal, name), signal.SIG_IGN)
    except SignalException as stopped:
        if stopped.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + stopped.sigval) from None


def join_ranks() -> None:
    """Make this process the rank that the launcher's environment says, on a GPU of its own if there are some.

    A rank but the first prints nothing.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
    _patient.append(dist.new_group(backend="gloo", timeout=timedelta(seconds=HOSTS_TIMEOUT)))
    if this_rank():
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115


def this_rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def num_ranks() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replace each of `tensors`, in place, by its sum over all ranks, added up in float64.

    Raises:
        RuntimeError: another rank has gone.
    """
    if num_ranks() > 1:
        flat = torch.cat([tensor.reshape(-1).double() for tensor in tensors])
        _wait_for_all(lambda: dist.all_reduce(flat))
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def from_rank_0(value: Any) -> Any:
    """What `value` is on rank 0, however long, within reason, each rank has been reading its images before it asks.

    Raises:
        RuntimeError: another rank has gone.
    """
    values = [value]
    if num_ranks() > 1:
        _wait_for_all(lambda: dist.broadcast_object_list(values, 0, group=_patient[0]))
    return values[0]


def _wait_for_all(call: Any) -> None:
    try:
        call()
    except RuntimeError as error:
        time.sleep(PATIENCE)  # so that the rank that failed ends first, and the launcher tells of that one
        reason = " ".join(str(error).split())[:200]
        raise RuntimeError(f"another rank has gone, or its host cannot be reached; run it again ({reason})") from None


def _choose_hosts(processes: int) -> list[str]:
    """Options of torch.distributed.run, where `PET_*` leaves them open: this host alone, or which of several it is."""
    options = [] if "PET_NPROC_PER_NODE" in os.environ else [f"--nproc-per-node={processes}"]
    if not has_several_hosts():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        return [*options, "--nnodes=1", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    if interface := _interface_to(main_host()):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    return [*options, f"--rdzv-conf=timeout={HOSTS_TIMEOUT}"]


def _interface_to(host: str) -> str:
    """The network interface by which `host` is reached; gloo would take that of this host's name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))  # sends nothing
        address = probe.getsockname()[0]
    return next((name for name, all in psutil.net_if_addrs().items() if address in [each.address for each in all]), "")


def _cause_of(failures: dict[int, Any]) -> RankError:
    """What ended the ranks: not that the launcher ended the others for it."""
    by_launcher = (-signal.SIGTERM, 128 + signal.SIGTERM)
    causes = [failure for failure in failures.values() if failure.exitcode not in by_launcher]
    first = min(causes or failures.values(), key=lambda failure: failure.timestamp)
    if Path(first.error_file).is_file():
        return RankError(first.message, first.exitcode)
    rank, number = f"rank {first.local_rank} of this host", max(-first.exitcode, first.exitcode - 128)
    if number not in set(signal.Signals):
        return RankError(f"{rank} ended without a word", first.exitcode)
    hint = ", perhaps for want of memory" if number == signal.SIGKILL else ""
    return RankError(f"{rank} was ended by {signal.Signals(number).name}{hint}; run it again", 128 + number)
