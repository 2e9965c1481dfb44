"""For a CPU-only image from the same wheels: remove what only a GPU uses, Triton and CUDA libraries.

PyTorch's CUDA build is linked against some CUDA libraries, which must stay for it to load, and opens the others when
a GPU computes. So those stay that `import torch, torchvision` maps into memory; the rest are two thirds of the bytes.
"""

import shutil
import sysconfig
from pathlib import Path

import torch
import torchvision

packages = Path(sysconfig.get_path("purelib"))
mapped = {line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text("utf-8").splitlines()}
for path in sorted(packages.glob("nvidia/**/*")):
    if path.is_file() and str(path) not in mapped and path.suffix not in (".py", ".txt"):
        path.unlink()
for path in packages.glob("triton*"):
    shutil.rmtree(path)
print(f"kept what torch {torch.__version__} and torchvision {torchvision.__version__} map into memory")
