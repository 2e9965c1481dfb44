"""GPUs that cannot be used, losses that are no numbers, outputs that are folders."""

import pytest
import torch

from tests.faults.job.workspace import JOB, Workspace

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU: its absence cannot be tested")


def test_fault_20_loss_not_finite(workspace: Workspace) -> None:
    """the loss becomes NaN or infinite"""
    workspace.set_params(epochs=5, lr=10.0, momentum=0.99, weight_decay=1.0)
    message = workspace.refused(1, *JOB)
    assert "train: error: the loss is " in message and " in epoch " in message and "lower train.lr" in message
    assert not (workspace.path / "models/model.pkl").exists() and not workspace.leftovers()


@no_gpu
@pytest.mark.parametrize("command", [("python", "-m", "stages", "train"), JOB], ids=["stage", "job"])
def test_fault_54_no_usable_gpu(workspace: Workspace, command: tuple[str, ...]) -> None:
    """`device: cuda` and no usable GPU"""
    workspace.set_params(device="cuda")
    model = workspace.read("models/model.pkl")
    message = workspace.refused(1, *command)
    assert "error: params.yaml: runtime.device is cuda, but no GPU can be used: " in message
    assert "set it to auto or cpu" in message and message.count("\n") == 1
    assert workspace.read("models/model.pkl") == model


@no_gpu
def test_fault_54_auto_falls_back(workspace: Workspace) -> None:
    """`device: cuda` and no usable GPU"""
    assert "device: cpu (auto: " in workspace.run("python", "-m", "stages", "train").stdout


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of')",
            "train: error: CUDA out of memory; lower train.batch_size, end what else uses the GPU, "
            "or set runtime.device to cpu\n",
        ),
        (
            'RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried to allocate 9 bytes")',
            "train: error: out of memory (DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes); "
            "give it more (`ulimit -v` limits it), or lower train.batch_size\n",
        ),
    ],
    ids=["cuda", "cpu"],
)
def test_fault_55_out_of_memory(workspace: Workspace, error: str, line: str) -> None:
    """CUDA out of memory, driver too old (raised by hand: there is no GPU here to exhaust)"""
    code = f"def main(): raise {error}\nsys.exit(run_stage('train', main))"
    code = f"import sys, torch\nfrom stages.__main__ import run_stage\n{code}"
    assert workspace.refused(1, "python", "-c", code) == line


def test_fault_55_driver_too_old(workspace: Workspace) -> None:
    """CUDA out of memory, driver too old (PyTorch's message for it, given by hand: there is no GPU here)"""
    code = (
        "import sys, torch\nfrom stages.__main__ import run_stage\n"
        "from linear_classifier.devices import select_device\n"
        "from linear_classifier.params import RuntimeParams\n"
        "text = 'The NVIDIA driver on your system is too old (found version 11040). Please update it'\n"
        "def too_old(): raise RuntimeError(text)\n"
        "torch.version.cuda, torch.cuda.init = '12.8', too_old\n"
        "sys.exit(run_stage('train', lambda: select_device(RuntimeParams('cuda', 0, 1, '', 1))))"
    )
    message = workspace.refused(1, "python", "-c", code)
    assert "too old (found version 11040); install a newer NVIDIA driver, or set it to auto or cpu" in message


def test_fault_58_output_is_a_folder(workspace: Workspace) -> None:
    """an output path is a directory"""
    path = workspace.path / "models/model.pkl"
    path.unlink()
    path.mkdir()
    (path / "kept").touch()
    message = workspace.refused(2, "python", "-m", "stages", "train")
    assert message == ("train: error: models/model.pkl: a folder stands where a file is to be written; move it away\n")
    assert (path / "kept").exists() and not workspace.leftovers()
