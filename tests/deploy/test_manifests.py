"""Kubernetes manifests and compose.yaml: of the right form, locked down, and true to the job's exit codes."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.processes import ROOT

MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
RELEASES = ("1.31", "1.37")  # the first in which a Job's podFailurePolicy is stable, and a current one


def load_job() -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/job.yaml").read_text())
    return job


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.name))
def test_manifest_fits_the_kubernetes_schema(path: Path, release: str) -> None:
    for manifest in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(manifest, release, strict=True)


def test_kubernetes_schema_refuses_a_misspelt_field() -> None:
    job = load_job()
    job["spec"]["template"]["spec"]["containers"][0]["comand"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="comand"):
        kubernetes_validate.validate(job, RELEASES[-1], strict=True)


def test_job_takes_one_gpu_and_is_locked_down() -> None:
    pod = load_job()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["initContainers"] + pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])


def test_job_mounts_every_volume_it_has_and_claims_what_claims_yaml_makes() -> None:
    pod = load_job()["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounted = {mount["name"] for each in pod["initContainers"] + pod["containers"] for mount in each["volumeMounts"]}
    claimed = {volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod["volumes"]} - {None}
    made = yaml.safe_load_all((ROOT / "deploy/kubernetes/claims.yaml").read_text())
    assert mounted == volumes and claimed == {claim["metadata"]["name"] for claim in made}


@pytest.mark.parametrize(
    ("code", "action"), [(1, "Count"), (2, "FailJob"), (75, "Count"), (130, "Count"), (143, "Count"), (137, "Count")]
)
def test_pod_failure_policy_fits_the_exit_codes(code: int, action: str) -> None:
    rules = [rule for rule in load_job()["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert _action_for(code, "job", rules) == action
    assert load_job()["spec"]["template"]["spec"]["restartPolicy"] == "Never"  # without it the policy is refused


def test_pod_failure_policy_ends_the_job_where_preflight_finds_no_gpu_and_forgives_evictions() -> None:
    rules = load_job()["spec"]["podFailurePolicy"]["rules"]
    assert _action_for(1, "preflight", [rule for rule in rules if "onExitCodes" in rule]) == "FailJob"
    names = [rule["action"] for rule in rules]
    assert rules[names.index("Ignore")]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert names.index("Ignore") < names.index("Count"), "else an eviction, which ends in 143, would count"


def test_compose_has_both_ways_with_and_without_a_gpu_and_is_locked_down() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"clone", "clone-gpu", "baked", "baked-gpu"}
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["network_mode"] == "none"
        assert service["security_opt"] == ["no-new-privileges:true"]
        reserved = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
        assert reserved == ([{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}] if "gpu" in name else None)


def test_base_image_stands_alike_where_dependabot_sees_it_and_where_it_is_built_on() -> None:
    build = re.search(r"(?m)^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text())
    watched = re.search(r"(?m)^FROM (\S+)$", (ROOT / "deploy/base/Dockerfile").read_text())
    assert build and watched and watched[1].partition("@")[0] == build[1]


def test_lock_has_every_pin_of_requirements_and_a_hash_for_every_package() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line for line in (ROOT / "requirements.txt").read_text().split() if "==" in line]
    assert all(re.search(rf"(?m)^{re.escape(pin)}( |$)", lock) for pin in pins)
    packages = re.split(r"(?m)^(?=[a-z0-9])", lock)[1:]
    assert len(packages) > 50 and all("--hash=sha256:" in package and "==" in package for package in packages)


def _action_for(code: int, container: str, rules: list[dict[str, Any]]) -> str:
    """What Kubernetes does with a container that ended in `code`: the first rule that fits counts."""
    for rule in rules:
        wanted = rule["onExitCodes"]
        if wanted["containerName"] == container and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return str(rule["action"])
    return "Count"
