"""`python -m tools.preflight`: the GPU that a run would use, or the reason why it can use none (exit code 1)."""

import re
import sys
from pathlib import Path

import torch

from linear_classifier.devices import why_no_cuda
from linear_classifier.io.console import open_console
from tools.command_line import expect_no_arguments

DRIVER = Path("/proc/driver/nvidia/version")  # of the host's kernel module, visible in containers too


def describe_gpus() -> list[str]:
    """A line for the driver, one for PyTorch's CUDA or ROCm, one for each GPU.

    Raises:
        RuntimeError: no GPU can be used; the message says why.
    """
    if reason := why_no_cuda():
        raise RuntimeError(
            f"no GPU can be used: {reason}; driver {read_driver_version(DRIVER)}, PyTorch {torch.__version__}, "
            f"CUDA {torch.version.cuda or 'none'}; in a container, run with --gpus all and the NVIDIA Container Toolkit"
        )
    build = f"CUDA {torch.version.cuda}" if torch.version.hip is None else f"ROCm {torch.version.hip}"
    lines = [f"driver {read_driver_version(DRIVER)}", f"{build} (PyTorch {torch.__version__})"]
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        gpu = torch.cuda.get_device_properties(index)
        lines.append(
            f"device {index}: {gpu.name}, compute capability {gpu.major}.{gpu.minor}, "
            f"{total / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB free"
        )
    return lines


def read_driver_version(path: Path) -> str:
    """The version of the NVIDIA driver that is loaded, as `path` tells it; "none" if there is none."""
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)", path.read_text("utf-8", errors="replace"))
    except OSError:
        return "none"
    return found[1] if found else "unknown"


def main() -> int:
    try:
        lines = describe_gpus()
    except RuntimeError as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"preflight: {line}" for line in lines))
    return 0


if __name__ == "__main__":
    open_console()
    expect_no_arguments(__doc__)
    sys.exit(main())
