"""`python -m stages export`: write `models/model.onnx` and `models/model.safetensors` for other programs."""

import time
from pathlib import Path

from linear_classifier.exporting.onnx_file import format_onnx
from linear_classifier.exporting.safetensors_file import format_safetensors
from linear_classifier.io.files import write_bytes
from linear_classifier.io.provenance import record
from linear_classifier.model.model_file import read_model

MODEL = Path("models/model.pkl")


def main() -> None:
    started = time.perf_counter()
    saved = read_model(MODEL)
    for suffix, content in ((".onnx", format_onnx(saved)), (".safetensors", format_safetensors(saved))):
        write_bytes(MODEL.with_suffix(suffix), content)
        print(f"export: {MODEL.with_suffix(suffix)}: {len(content):,} bytes", flush=True)
    record(Path("reports/provenance.json"), "export", started)
