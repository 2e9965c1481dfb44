"""A folder of many small PNGs, and how fast `prepare` makes splits of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from linear_classifier.data.splits import load_dataset, load_split
from tools.benchmark.processes import run_python, write_params

NUM_PNGS = 50_000
PREPARED = Path("data/prepared")


@contextmanager
def make_pngs() -> Iterator[Path]:
    """A folder whose params.yaml names `NUM_PNGS` images of Fashion-MNIST as PNGs, a folder a class."""
    train = load_split(PREPARED, "train", load_dataset(PREPARED))
    with TemporaryDirectory() as name:
        for number, pixels in enumerate(np.asarray(train.images[:NUM_PNGS])):
            path = Path(name) / "images" / str(train.labels[number]) / f"{number:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[0]).save(path)
        write_params(Path(name), prepare={"dataset": "folder", "source": "images", "duplicates": "allow"})
        yield Path(name)


def measure_pngs(folder: Path) -> float:
    """Images a second of CPU time, that of all processes and without their imports."""
    stage = run_python("-m", "stages", "prepare", folder=folder).cpu_seconds
    imports = run_python("-c", "import stages.prepare").cpu_seconds
    return NUM_PNGS / (stage - imports)
