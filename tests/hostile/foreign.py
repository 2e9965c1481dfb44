"""Files that other tools write, each with the words (between |) that the refusal has to say about it."""

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib
from pathlib import Path

import joblib  # type: ignore[import-untyped]  # it comes with scikit-learn
import numpy as np
import torch
from torch import nn

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 32938\n"
DVC_POINTER = b"outs:\n- md5: 966286be31a15535fdf702a704a46a6d\n  size: 32938\n  path: model.pkl\n"


def foreign_files(good: bytes, folder: Path) -> dict[str, tuple[bytes, str]]:
    """Name to bytes and the word; `folder` is for the tools that write to paths alone."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    array = np.arange(6, dtype=np.float32)
    return {
        f"foreign: {key}": value
        for key, value in {
            **_of_torch(model),
            **_of_joblib(array, folder),
            **{
                f"pickle of a module, protocol {p}": (pickle.dumps(model, p), f"{_protocol(p)}|torch.")
                for p in range(6)
            },
            **{
                f"pickle of an array, protocol {p}": (pickle.dumps(array, p), f"{_protocol(p)}|numpy.")
                for p in range(6)
            },
            "npy": (_saved(lambda file: np.save(file, array)), "NumPy"),
            "npz": (_saved(lambda file: np.savez(file, array)), "zip"),
            "zip": (_zip(good), "zip"),
            "gzip": (gzip.compress(good), "gzip"),
            "zlib": (zlib.compress(good), "zlib"),
            "xz": (lzma.compress(good), "xz"),
            "bzip2": (bz2.compress(good), "bzip2"),
            "safetensors": (b"\x40\0\0\0\0\0\0\0" + b'{"weight":{"dtype":"F32"}}' + bytes(64), "safetensors"),
            "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
            "Git LFS pointer": (LFS_POINTER, "git lfs pull"),
            "DVC pointer": (DVC_POINTER, "dvc pull"),
            "HTML": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "HTML"),
            "JSON": (b'{"weight": [1, 2, 3]}', "JSON"),
            "text": (b"hello, this is a model\n", "first bytes are b'hello"),
            "merge conflict": (b"<<<<<<< HEAD\nmodel\n=======\n", "conflict markers"),
            "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(100), "first bytes"),
            "a program": (b"\x7fELF\x02\x01\x01" + bytes(100), "first bytes"),
            "empty": (b"", "empty"),
        }.items()
    }


def _of_torch(model: nn.Module) -> dict[str, tuple[bytes, str]]:
    return {
        "torch.save of a state dict": (_saved(lambda file: torch.save(model.state_dict(), file)), "torch.save"),
        "torch.save of a module": (_saved(lambda file: torch.save(model, file)), "torch.save"),
        "torch.save, old format": (
            _saved(lambda file: torch.save(model.state_dict(), file, _use_new_zipfile_serialization=False)),
            "torch.save",
        ),
    }


def _of_joblib(array: np.ndarray[tuple[int], np.dtype[np.float32]], folder: Path) -> dict[str, tuple[bytes, str]]:
    files = {}
    compressions = {
        None: "protocol 4|that names|joblib.",
        ("zlib", 3): "zlib",
        ("gzip", 3): "gzip",
        ("bz2", 3): "bzip2",
    }
    for compression, word in {**compressions, ("xz", 3): "xz", ("lzma", 3): "LZMA"}.items():
        path = folder / "joblib.pkl"
        joblib.dump({"weight": array}, path, compress=compression or 0)
        files[f"joblib, {compression[0] if compression else 'plain'}"] = (path.read_bytes(), word)
    return files


def _protocol(number: int) -> str:
    return f"protocol {number}" if number > 1 else "protocol 0 or 1"


def _zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.pkl", content)
    return buffer.getvalue()


def _saved(write: object) -> bytes:
    buffer = io.BytesIO()
    assert callable(write)
    write(buffer)
    return buffer.getvalue()
