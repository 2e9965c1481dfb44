from dataclasses import replace

import pytest
import torch

from linear_classifier.devices import fits_on_gpu, select_device, why_no_cuda
from linear_classifier.params import Params

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: its absence cannot be tested")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA GPU")


def test_select_device_sets_the_threads(params: Params) -> None:
    before = torch.get_num_threads()
    try:
        assert select_device(replace(params.runtime, device="cpu", threads=2)) == torch.device("cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@no_gpu
def test_select_device_refuses_cuda_without_a_gpu_and_says_why(params: Params) -> None:
    with pytest.raises(RuntimeError, match=r"runtime.device is cuda, but no GPU can be used: .+; fix that"):
        select_device(replace(params.runtime, device="cuda"))


@no_gpu
def test_select_device_auto_falls_back_and_says_so(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    assert select_device(replace(params.runtime, device="auto")).type == "cpu"
    assert capsys.readouterr().out.startswith("device: cpu (auto: ")


def test_why_no_cuda_takes_rocm_for_a_gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such build here: its answers are made up."""
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: torch.ones(1))
    assert why_no_cuda() == "this PyTorch is a CPU-only build"
    monkeypatch.setattr(torch.version, "hip", "7.0")
    assert why_no_cuda() == ""


def test_fits_on_gpu_is_false_on_the_cpu() -> None:
    assert not fits_on_gpu(1, torch.device("cpu"))


@pytest.mark.gpu
@needs_gpu
def test_select_device_takes_the_gpu_with_determinism_on(params: Params) -> None:
    assert select_device(replace(params.runtime, device="auto")).type == "cuda"
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
