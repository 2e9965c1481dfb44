"""The GPU preflight; where there is no GPU, one is pretended, since only its description is of interest."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tools import preflight

VERSION = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (builder)  Sun Jul 27 2025\n"
)


@pytest.mark.parametrize(("text", "version"), [(VERSION, "580.65.06"), ("something else\n", "unknown")])
def test_read_driver_version_finds_it_in_the_kernel_s_words(text: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(text)
    assert preflight.read_driver_version(tmp_path / "version") == version
    assert preflight.read_driver_version(tmp_path / "none") == "none"


def test_describe_gpus_names_driver_cuda_device_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(name="NVIDIA H100 80GB HBM3", major=9, minor=0)
    monkeypatch.setattr(preflight, "why_no_cuda", lambda: "")
    monkeypatch.setattr(preflight, "read_driver_version", lambda _: "580.65.06")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (78 * 2**30, 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: gpu)
    assert preflight.describe_gpus() == [
        "driver 580.65.06",
        f"CUDA 13.0 (PyTorch {torch.__version__})",
        "device 0: NVIDIA H100 80GB HBM3, compute capability 9.0, 80.0 GiB of memory, 78.0 GiB free",
    ]


def test_main_says_why_there_is_no_gpu_and_ends_in_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "why_no_cuda", lambda: "Found no NVIDIA driver")
    assert preflight.main() == 1
    assert capsys.readouterr().err.startswith("preflight: no GPU can be used: Found no NVIDIA driver; driver ")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")
def test_describe_gpus_of_this_machine() -> None:
    lines = preflight.describe_gpus()
    assert lines[0].startswith("driver ") and lines[0].split()[1] not in ("none", "unknown")
    assert len(lines) == 2 + torch.cuda.device_count()
