"""Runtime params → the device to compute on, its threads and its determinism."""

import os

import torch

from linear_classifier.params import RuntimeParams


def select_device(runtime: RuntimeParams) -> torch.device:
    """The device that `runtime.device` names, with threads and determinism set for the whole process.

    `auto` takes CUDA where a GPU can be used and the CPU elsewhere, and prints which and why.

    Raises:
        RuntimeError: `cuda` was asked for and no GPU can be used; the message says why.
    """
    torch.set_num_threads(runtime.threads)
    if runtime.device == "cpu":
        return torch.device("cpu")
    reason = why_no_cuda()
    if reason and runtime.device == "cuda":
        raise RuntimeError(
            f"params.yaml: runtime.device is cuda, but no GPU can be used: {reason}; "
            f"{'install a newer NVIDIA driver' if 'too old' in reason else 'fix that'}, or set it to auto or cpu"
        )
    if reason:
        print(f"device: cpu (auto: {reason})", flush=True)
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs time
    print(f"device: cuda ({torch.cuda.get_device_name()})", flush=True)
    return torch.device("cuda")


def fits_on_gpu(num_bytes: int, device: torch.device) -> bool:
    """Whether `device` is a GPU with room for `num_bytes`, half of its free memory left for the work."""
    return device.type == "cuda" and num_bytes < torch.cuda.mem_get_info(device)[0] // 2


def why_no_cuda() -> str:
    """Why no GPU can be used, in a few words; empty if one can. Starts CUDA."""
    # cuBLAS is deterministic only with this, set before it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if torch.version.cuda is None and torch.version.hip is None:  # ROCm's build calls its GPUs "cuda", too
        return "this PyTorch is a CPU-only build"
    try:
        torch.cuda.init()
        torch.zeros(1, device="cuda").sum().item()
    except RuntimeError as error:
        return str(error).splitlines()[0].split(". ")[0]
    return ""
