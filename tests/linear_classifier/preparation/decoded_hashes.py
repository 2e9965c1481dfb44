"""`python decoded_hashes.py FOLDER`: the SHA-256 of what each file there is decoded to, in every size and resize.

It needs NumPy and Pillow alone, so that it runs on any machine, or one that is emulated: see test_other_cpus.py.
"""

import hashlib
import sys
from pathlib import Path

from linear_classifier.preparation.decoding import Target

TARGETS = [
    Target(height, width, channels, resize)
    for height, width in ((28, 28), (64, 48), (7, 200))
    for channels in (1, 3)
    for resize in ("fit", "crop", "stretch")
]


def main(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        pixels = hashlib.sha256(b"".join(target.decode(path) for target in TARGETS))
        print(pixels.hexdigest(), path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
