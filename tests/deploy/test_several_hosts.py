"""What starts the job on several hosts: an Indexed Job, a TrainJob of Kubeflow, a script for Slurm."""

import os
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.processes import ROOT

SCRIPT = ROOT / "deploy/slurm/job.sh"
POLICY = [
    ("FailJob", "In", [2]),
    ("Ignore", None, None),
    ("Count", "NotIn", [0, 2]),
]  # of the exit codes, as in job.yaml


def load(path: str) -> dict[str, dict[str, Any]]:
    """The documents of a manifest by their kind; of claims the last."""
    return {each["kind"]: each for each in yaml.safe_load_all((ROOT / "deploy/kubernetes" / path).read_text())}


def an_object(required: list[str], **properties: object) -> dict[str, object]:
    """A schema of an object without other keys, as an API server takes them for a CRD."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


# What Kubeflow Trainer's two CRDs (commit 8c0f5059, held against them in full) say of the keys that we use.
TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 1}
METADATA = an_object([], name=TEXT, labels={"type": "object", "additionalProperties": TEXT})
REPLICATED = an_object(["name", "template"], name=TEXT, template={"type": "object"})
SCHEMAS = {
    "TrainJob": an_object(
        ["runtimeRef"],
        runtimeRef=an_object(["name"], apiGroup=TEXT, kind=TEXT, name=TEXT),
        activeDeadlineSeconds=NUMBER,
        trainer=an_object([], numNodes=NUMBER, numProcPerNode=NUMBER),
    ),
    "TrainingRuntime": an_object(
        ["template"],
        mlPolicy=an_object([], numNodes=NUMBER, torch=an_object([])),
        template=an_object([], spec=an_object([], replicatedJobs={"type": "array", "items": REPLICATED})),
    ),
}


def jobs() -> dict[str, dict[str, Any]]:
    """The spec of each Job: our own, and the one that Kubeflow makes of its runtime."""
    [node] = load("kubeflow/trainjob.yaml")["TrainingRuntime"]["spec"]["template"]["spec"]["replicatedJobs"]
    return {"indexed": load("hosts.yaml")["Job"]["spec"], "kubeflow": node["template"]["spec"]}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_kubeflow_manifest_has_the_keys_of_its_crd_and_no_other(kind: str) -> None:
    document = load("kubeflow/trainjob.yaml")[kind]
    assert document["apiVersion"] == "trainer.kubeflow.org/v1alpha1"
    schema = an_object(["spec"], apiVersion=TEXT, kind=TEXT, metadata=METADATA, spec=SCHEMAS[kind])
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError, match="mispelt"):
        jsonschema.validate({**document, "spec": {**document["spec"], "mispelt": 1}}, schema)


def test_kubeflow_runtime_makes_a_job_that_fits_the_kubernetes_schema() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "node"}, "spec": jobs()["kubeflow"]}
    kubernetes_validate.validate(job, "1.37", strict=True)
    documents = load("kubeflow/trainjob.yaml")
    assert documents["TrainJob"]["spec"]["runtimeRef"]["name"] == documents["TrainingRuntime"]["metadata"]["name"]


@pytest.mark.parametrize("name", ["indexed", "kubeflow"])
def test_hosts_are_locked_down_and_end_as_the_exit_codes_say(name: str) -> None:
    spec = jobs()[name]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    rules = spec["podFailurePolicy"]["rules"]
    found = [(rule["action"], *_codes(rule, container["name"])) for rule in rules]
    assert found == POLICY and pod["restartPolicy"] == "Never"
    assert container["args"] == ["--baked"] and pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def _codes(rule: dict[str, Any], container: str) -> tuple[str | None, list[int] | None]:
    codes = rule.get("onExitCodes", {"containerName": container})
    assert codes["containerName"] == container
    return codes.get("operator"), codes.get("values")


def test_indexed_job_names_node_0_by_its_service_and_shares_its_volume() -> None:
    documents, spec = load("hosts.yaml"), jobs()["indexed"]
    name, service = documents["Job"]["metadata"]["name"], documents["Service"]
    pod = spec["template"]["spec"]
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"]
    assert variables["PET_NNODES"] == str(spec["completions"])
    assert variables["PET_MASTER_ADDR"] == f"{name}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == spec["template"]["metadata"]["labels"]
    claims = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/hosts.yaml").read_text()))
    modes = {each["metadata"]["name"]: each["spec"]["accessModes"] for each in claims if "Claim" in each["kind"]}
    assert modes == {"fashion-mnist-hosts-out": ["ReadWriteMany"], "fashion-mnist-hosts-raw": ["ReadOnlyMany"]}


PROGRAMS = {  # as far as the script goes without Slurm: what it calls, played by scripts
    "bin/scontrol": '[ "$*" = "show hostnames n[1-2]" ] && printf "n1\\nn2\\n"',
    "bin/srun": '[ "$1" = --kill-on-bad-exit=1 ] && shift\nSLURM_NODEID=0 "$@"\nSLURM_NODEID=1 "$@"',
    ".venv/bin/python": 'echo "$PET_NODE_RANK of $PET_NNODES at $PET_MASTER_ADDR:$PET_MASTER_PORT: $*"',
}


def test_slurm_script_runs_the_job_on_every_node(tmp_path: Path) -> None:
    for name, text in PROGRAMS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "n[1-2]"}
    done = subprocess.run(
        [SCRIPT, "-f", "a b"],
        cwd=tmp_path,
        env={**environment, "SLURM_JOB_NUM_NODES": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{rank} of 2 at n1:29500: -m tools.job -f a b" for rank in (0, 1)]
