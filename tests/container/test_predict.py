"""Predictions in the locked-down image, with nothing that it may write to."""

from pathlib import Path

from tests.container.containers import STRANGER, Engine
from tests.processes import ROOT


def test_predict_answers_in_the_image_from_a_folder_it_may_only_read(reproduced: Path, engine: Engine) -> None:
    options = (f"--user={STRANGER}:{STRANGER}", "--entrypoint=python")
    volumes = {reproduced: "/workspace:ro", ROOT / "docs/pictures": "/pictures:ro"}
    done = engine.run("-m", "tools.predict", "/pictures", volumes=volumes, options=options)
    answers = [line.split(",")[:2] for line in done.stdout.splitlines()[1:]]
    assert answers == [["/pictures/ankle-boot.jpg", "Ankle boot"], ["/pictures/trouser.jpg", "Trouser"]]
