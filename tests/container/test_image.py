"""What is in the image, and what is not."""

import json
import re

from tests.container.containers import Engine
from tests.processes import ROOT

UNWANTED = """
for name in gcc cc c++ make curl wget; do command -v $name && echo "unwanted: $name"; done
for path in .git data models tests reports; do [ -e /app/$path ] && echo "unwanted: $path"; done
for path in /root/.cache /root/.config; do [ -e $path ] && echo "unwanted: $path"; done
[ -s /etc/pip.conf ] && echo "unwanted: /etc/pip.conf"
find /var/lib/apt/lists /var/cache/apt /tmp /var/tmp -type f
find / -xdev -name '*.whl' -not -path '*/ensurepip/*'
find / -xdev -writable -not -path '/proc/*' -not -path '/sys/*' -not -path '/dev/*' -type f
true
"""


def test_image_holds_no_compiler_cache_data_or_secret_and_nothing_its_user_can_change(engine: Engine) -> None:
    assert engine.run("-c", UNWANTED, options=("--entrypoint=sh",)).stdout == ""


def test_image_holds_exactly_the_code_that_the_pipeline_needs(engine: Engine) -> None:
    listed = engine.run("-c", "cd /app && find . -type f | sort", options=("--entrypoint=sh",)).stdout.split()
    tops = {name.split("/")[1] for name in listed}
    assert tops == {
        *(".dvcignore", "LICENSE", "deploy", "dvc.lock", "dvc.yaml", "params.yaml"),
        *("linear_classifier", "requirements.txt", "stages", "tools"),
    }
    stages = {f"./{path.relative_to(ROOT)}" for path in (ROOT / "stages").rglob("*.py")}
    assert stages <= set(listed) and not any("__pycache__" in name for name in listed)


def test_image_has_labels_a_fixed_user_and_no_secret_in_its_history(engine: Engine) -> None:
    config = json.loads(engine.call("image", "inspect", engine.image).stdout)[0]["Config"]
    assert config["User"] == "10001:10001" and config["WorkingDir"] == "/workspace"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["licenses"] == "MIT" and labels["title"] == "fashion-mnist-job" and labels["revision"]
    history = engine.call("history", "--no-trunc", engine.image).stdout
    assert "index-url" not in history and "://" not in history.replace("http://deb", "")


def test_image_holds_every_package_of_the_lock_and_no_other(engine: Engine) -> None:
    freeze = engine.run("-m", "pip", "freeze", "--all", options=("--entrypoint=python",)).stdout
    found = {re.sub(r"[-_.]+(?=.*==)", "-", line.lower()) for line in freeze.split()}
    locked = set(re.findall(r"(?m)^([a-z0-9-]+==[^ ]+)", (ROOT / "requirements.lock").read_text()))
    assert {line for line in found - locked if line.split("==")[0] not in ("pip", "setuptools", "wheel")} == set()
    assert {"torch==2.14.1", "torchvision==0.29.1", "dvc==3.67.1"} <= found


def test_preflight_says_why_there_is_no_gpu(engine: Engine) -> None:
    done = engine.run("-m", "tools.preflight", options=("--entrypoint=python",), check=False)
    assert done.returncode == 1 and done.stderr.startswith("preflight: no GPU can be used: ")
    assert "--gpus all" in done.stderr
