"""FAULTS rows 1 to 14: the raw data is missing, damaged or not what it says."""

import gzip
import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from linear_classifier.data.splits import combine_sha256
from linear_classifier.preparation.fashion_mnist import DEBIAN_FOLDER, FILES, RawFile, load_raw_file
from linear_classifier.preparation.idx import build_header
from tests.faults.stage_runs import assert_refuses, edit_params, run_stage

NAMES = [file.name for file in FILES]
TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = NAMES
IMAGES = RawFile("small-images", (5, 4, 3), "")
CONTENT = build_header(IMAGES.shape) + bytes(range(60))
SMALL = RawFile(IMAGES.name, IMAGES.shape, hashlib.sha256(CONTENT).hexdigest())

no_debian_package = pytest.mark.skipif(
    (Path("/") / DEBIAN_FOLDER).is_dir(), reason="Debian's package is installed here, so that no file is missing"
)


def put(raw: Path, name: str, content: bytes) -> Path:
    """`content` in place of the raw file `name`, plain or .gz by what it is."""
    for old in (raw / name, raw / f"{name}.gz"):
        old.unlink(missing_ok=True)
    path = raw / (f"{name}.gz" if content.startswith(b"\x1f\x8b") else name)
    path.write_bytes(content)
    return path


def plain(real_raw: Path, name: str) -> bytes:
    return next(load_raw_file(real_raw / f"{name}.gz", file) for file in FILES if file.name == name)


@no_debian_package
def test_fault_01_missing_data_file(workspace: Path) -> None:
    edit_params(workspace, 'source: ""', "source: elsewhere")
    (workspace / "elsewhere").mkdir()
    message = assert_refuses("prepare", workspace, *NAMES, "data/raw/fashion-mnist", "prepare.source elsewhere")
    for place, reason in (("elsewhere", "no train"), ("TorchVision", "download failed"), ("Debian", "apt-get")):
        assert reason in message[message.index(place) :], place


@no_debian_package
def test_fault_01_one_missing_data_file_of_four(workspace: Path, raw: Path) -> None:
    (raw / f"{TEST_LABELS}.gz").unlink()
    assert_refuses("prepare", workspace, f"fashion-mnist: {TEST_LABELS} missing", "TorchVision", "Debian", "source")


def test_fault_02_truncated_gzip(workspace: Path, raw: Path, real_raw: Path) -> None:
    path = put(raw, TRAIN_LABELS, (real_raw / f"{TRAIN_LABELS}.gz").read_bytes()[:20_000])
    assert_refuses("prepare", workspace, path.name, "truncated gzip", "delete")


@pytest.mark.parametrize("cut", [2, 3, 9, 10, 11, -1, -4, -8, -9, -12])
def test_fault_02_truncated_gzip_wherever_it_is_cut(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "small-images.gz"
    path.write_bytes(gzip.compress(CONTENT)[:cut])
    with pytest.raises(ValueError, match=r"small-images\.gz: truncated gzip; delete"):
        load_raw_file(path, SMALL)


def test_fault_03_recompressed_gzip(workspace: Path, raw: Path, real_raw: Path) -> None:
    for name in NAMES:
        put(raw, name, gzip.compress(plain(real_raw, name), 1, mtime=12345))
    run = run_stage("prepare", workspace)
    assert run.returncode == 0, run.stderr
    dataset = json.loads((workspace / "data/prepared/dataset.json").read_bytes())
    assert dataset["sources"] == combine_sha256({file.name: file.sha256 for file in FILES})


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(CONTENT, 1, mtime=5),
        gzip.compress(CONTENT[:7]) + gzip.compress(CONTENT[7:]),
        gzip.compress(CONTENT) + bytes(512),  # padded, as tapes and some mirrors do
        CONTENT,
    ],
    ids=["recompressed", "in two parts", "padded", "plain under a .gz name"],
)
def test_fault_03_same_content_is_accepted_however_it_is_packed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "small-images.gz"
    path.write_bytes(content)
    assert load_raw_file(path, SMALL) == CONTENT


def endless(header: bytes, megabytes: int) -> bytes:
    """A small gzip that inflates to `header` and `megabytes` of zeros."""
    return gzip.compress(header) + gzip.compress(bytes(2**20)) * megabytes


def test_fault_04_endless_gzip(workspace: Path, raw: Path) -> None:
    path = put(raw, TRAIN, endless(build_header(FILES[0].shape), 4000))
    assert_refuses("prepare", workspace, path.name, f"too long: {FILES[0].size + 1} bytes, expected {FILES[0].size}")


def test_fault_04_endless_gzip_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "small-images.gz"
    path.write_bytes(endless(CONTENT, 4000))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"more than the expected 76 bytes|too long"):
        load_raw_file(path, SMALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(("change", "found"), [(-1, "truncated: 10007"), (1, "more than the expected 10008")])
def test_fault_05_truncated_or_longer_file(change: int, found: str, workspace: Path, raw: Path, real_raw: Path) -> None:
    content = plain(real_raw, TEST_LABELS)
    path = put(raw, TEST_LABELS, content[:change] if change < 0 else content + b"\0")
    assert_refuses("prepare", workspace, path.name, found, "10008", "delete")


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 15, 16, 75])
def test_fault_05_truncated_file_wherever_it_is_cut(length: int, tmp_path: Path) -> None:
    path = tmp_path / "small-images"
    path.write_bytes(CONTENT[:length])
    with pytest.raises(ValueError, match=r"truncated: \d+ bytes, expected 76|not an IDX file"):
        load_raw_file(path, SMALL)


@pytest.mark.parametrize("content", [b"<html>404 Not Found</html>", b"hello\n", b"version https://git-lfs", b"", b"\0"])
def test_fault_06_text_under_a_data_files_name(content: bytes, workspace: Path, raw: Path) -> None:
    path = put(raw, TRAIN, content)
    assert_refuses("prepare", workspace, path.name, "not an IDX file", "delete")


def test_fault_06_text_inside_a_gzip(workspace: Path, raw: Path) -> None:
    path = put(raw, TRAIN, gzip.compress(b"<html>404 Not Found</html>"))
    assert_refuses("prepare", workspace, path.name, "not an IDX file", "<html>")


def test_fault_07_wrong_element_type(workspace: Path, raw: Path) -> None:
    path = put(raw, TRAIN, b"\0\0\x0d\x03" + build_header(FILES[0].shape)[4:] + bytes(100))
    assert_refuses("prepare", workspace, path.name, "magic 00000d03", "expected 00000803")


@pytest.mark.parametrize("magic", ["00000801", "00000804", "00000903", "000008ff", "00000000"])
def test_fault_07_wrong_magic(magic: str, tmp_path: Path) -> None:
    path = tmp_path / "small-images"
    path.write_bytes(bytes.fromhex(magic) + CONTENT[4:])
    with pytest.raises(ValueError, match=f"magic {magic}, expected 00000803"):
        load_raw_file(path, SMALL)


@pytest.mark.parametrize(
    ("dimensions", "shown"),
    [((60000, 14, 56), "60000 x 14 x 56"), ((2**32 - 1,) * 3, "4294967295 x 4294967295 x 4294967295")],
)
def test_fault_08_wrong_dimensions(dimensions: tuple[int, ...], shown: str, workspace: Path, raw: Path) -> None:
    path = put(raw, TRAIN, build_header(dimensions) + bytes(FILES[0].size - 16))
    assert_refuses("prepare", workspace, path.name, shown, "expected 60000 x 28 x 28")


def test_fault_08_huge_dimensions_are_refused_before_allocating(tmp_path: Path) -> None:
    path = tmp_path / "small-images"
    path.write_bytes(build_header((2**32 - 1,) * 3) + bytes(60))
    tracemalloc.start()
    with pytest.raises(ValueError, match="its dimensions are 4294967295 x"):
        load_raw_file(path, SMALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_fault_09_fewer_labels_than_images(workspace: Path, raw: Path, real_raw: Path) -> None:
    content = build_header((9999,)) + plain(real_raw, TEST_LABELS)[8:-1]
    path = put(raw, TEST_LABELS, content)
    assert_refuses("prepare", workspace, path.name, "9999", "10000")


def test_fault_10_label_outside_the_classes(workspace: Path, raw: Path, real_raw: Path) -> None:
    content = bytearray(plain(real_raw, TEST_LABELS))
    content[8 + 7], content[8 + 9] = 255, 10
    path = put(raw, TEST_LABELS, bytes(content))
    assert_refuses("prepare", workspace, path.name, "label 255 at index 7", "expected 0 to 9")


def test_fault_11_one_flipped_pixel(workspace: Path, raw: Path, real_raw: Path) -> None:
    content = bytearray(plain(real_raw, TEST))
    content[4_000_000] ^= 1
    path = put(raw, TEST, bytes(content))
    found = hashlib.sha256(content).hexdigest()
    assert_refuses("prepare", workspace, path.name, f"SHA-256 {found}", f"expected {FILES[2].sha256}", "delete")


@pytest.mark.parametrize(("name", "really"), [(TRAIN, TEST), (TEST, TRAIN), (TRAIN_LABELS, TEST_LABELS)])
def test_fault_12_train_and_test_swapped(name: str, really: str, workspace: Path, raw: Path, real_raw: Path) -> None:
    path = put(raw, name, (real_raw / f"{really}.gz").read_bytes())
    assert_refuses("prepare", workspace, path.name, f"this is really {really}", f"expected {name}")


def test_fault_13_stray_files_beside_the_data(workspace: Path, raw: Path) -> None:
    for name in (".DS_Store", "README", f"{TRAIN}.gz.part", f".{TRAIN}.gz.x.tmp", "train-images-idx3-ubyte.bak"):
        (raw / name).write_bytes(b"stray")
    (raw / "extra").mkdir()
    os.mkfifo(raw / "fifo")
    run = run_stage("prepare", workspace)
    assert run.returncode == 0, run.stderr
    assert json.loads((workspace / "data/prepared/dataset.json").read_bytes())["image_shape"] == [1, 28, 28]


@no_debian_package
def test_fault_14_no_network(workspace: Path) -> None:
    """In a network of its own, which has nothing in it, and with apt-get where there is one."""
    unshare = [shutil.which("unshare") or "unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    unproxied = (shutil.which("env") or "env", "-u", "http_proxy", "-u", "https_proxy", f"PATH={os.environ['PATH']}")
    assert_refuses(
        "prepare", workspace, *NAMES, "TorchVision: download failed", "Debian:", prefix=(*unshare, *unproxied)
    )


# What else can stand under a data file's name: each is met by a message, never by a hang or by looking elsewhere.


def make_folder(path: Path) -> None:
    path.mkdir()


def make_device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_broken_link(path: Path) -> None:
    path.symlink_to("not-there")


def make_link_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_huge_sparse_file(path: Path) -> None:
    with path.open("wb") as file:
        file.write(CONTENT)
        file.truncate(2**40)


@pytest.mark.parametrize(
    ("make", "cause", "code"),
    [
        (os.mkfifo, "a FIFO, socket or device stands where a file is expected", 2),
        (make_folder, "a folder stands where a file is expected", 2),
        (make_device_link, "a FIFO, socket or device stands where a file is expected", 2),
        (make_broken_link, "a link to a file that is not there", 2),
        (make_link_loop, "Too many levels of symbolic links", 1),
        (make_huge_sparse_file, "its dimensions are 5 x 4 x 3", 2),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_load_raw_files_refuses_what_is_no_file(make: object, cause: str, code: int, workspace: Path) -> None:
    path = workspace / "data/raw/fashion-mnist" / f"{TRAIN}.gz"
    path.parent.mkdir(parents=True)
    assert callable(make)
    make(path)
    assert_refuses("prepare", workspace, str(path.relative_to(workspace)), cause, code=code)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read a file")
def test_load_raw_files_names_an_unreadable_file(workspace: Path) -> None:
    path = workspace / "data/raw/fashion-mnist" / TRAIN
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    path.chmod(0)
    for folder in [workspace, *workspace.parents]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    drop = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if subprocess.run([*drop, "test", "-r", __file__], capture_output=True).returncode:
        pytest.skip("another user cannot read this checkout")
    prefix = (shutil.which("setpriv") or "setpriv", *drop[1:])
    before = path.stat().st_mtime_ns
    run = run_stage("prepare", workspace, *prefix)
    assert run.returncode == 1
    assert f"{path.relative_to(workspace)}: Permission denied" in run.stderr
    assert "Traceback" not in run.stderr
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gzip.compress(CONTENT) + b"garbage", "damaged gzip"),
        (gzip.compress(CONTENT) + b"\x1f\x8b\x08", "truncated gzip"),
        (gzip.compress(CONTENT)[:-8] + struct.pack("<II", 0, 60), "damaged gzip"),
        (b"\x1f\x8b\x09" + gzip.compress(CONTENT)[3:], "damaged gzip"),
        (gzip.compress(CONTENT)[:10] + b"\xff" * 20, "damaged gzip"),
        (gzip.compress(b""), "not an IDX file: it is empty"),
        (b"\x1f", "not an IDX file"),
    ],
    ids=["garbage behind", "half a header behind", "wrong CRC", "wrong method", "bad block", "of nothing", "one byte"],
)
def test_load_raw_file_refuses_damaged_gzip(content: bytes, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "small-images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"small-images\.gz: {cause}.*; delete"):
        load_raw_file(path, SMALL)


def test_load_raw_files_takes_the_plain_file_where_both_are(workspace: Path, raw: Path) -> None:
    """So a damaged plain file is an error, though a good .gz lies beside it: somebody should know."""
    (raw / TRAIN).write_bytes(b"not it")
    assert_refuses("prepare", workspace, f"{TRAIN}: not an IDX file")
