"""deploy/kubernetes: its schema, that its parts fit each other, and what it lets a container do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from services.kit.settings import ServiceSettings
from tests.unit.deploy.deployments import MANIFESTS, ROOT, SETTINGS, manifests, variables

DEPLOYMENTS: dict[str, Any] = {document["metadata"]["name"]: document["spec"] for document in manifests("Deployment")}
CONFIG: dict[str, str] = next(manifests("ConfigMap"))["data"]


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = DEPLOYMENTS[name]["template"]["spec"]
    return spec


def containers(name: str) -> list[dict[str, Any]]:
    return [*pod(name).get("initContainers", []), *pod(name)["containers"]]


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
def test_kubernetes_takes_them(version: str) -> None:
    program = os.environ.get("KUBERNETES_VALIDATE") or shutil.which("kubernetes-validate")
    if program is None:
        pytest.skip(
            "kubernetes-validate is not here, so the manifests were not held against Kubernetes' schemas; "
            "pip install it elsewhere (it is large) and name it in KUBERNETES_VALIDATE"
        )
    files = [str(path) for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml"]
    done = subprocess.run([program, "--strict", "-k", version, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout
    assert done.stdout.count(" passed ") == len(list(manifests()))


def test_kustomize_builds_them() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here, so kustomization.yaml was not built")
    done = subprocess.run(["kubectl", "kustomize", str(MANIFESTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nkind: ") == len(list(manifests()))
    assert set(re.findall(r"image: (\S+)", done.stdout)) == {"tiku:latest", "tiku-models:latest"}


def test_every_service_is_deployed() -> None:
    assert DEPLOYMENTS.keys() == SETTINGS.keys() == {one["metadata"]["name"] for one in manifests("Service")}
    for service in manifests("Service"):
        labels = DEPLOYMENTS[service["metadata"]["name"]]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_pod_can_do_no_more_than_it_needs(name: str) -> None:
    context = pod(name)["securityContext"]
    assert context["runAsNonRoot"] is True
    assert f"--uid {context['runAsUser']}" in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(name)["automountServiceAccountToken"] is False
    for container in containers(name):
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_stop_waits_for_the_drain(name: str) -> None:
    assert pod(name)["terminationGracePeriodSeconds"] > ServiceSettings.model_fields["drain_seconds"].default


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_variable_is_one_that_is_read_and_no_secret_stands_in_it(name: str) -> None:
    (container,) = pod(name)["containers"]
    for variable in container.get("env", []):
        assert variable["name"] in variables(SETTINGS[name])
        if re.search(r"KEY|SECRET|DSN|PASSWORD", variable["name"]):
            assert variable["valueFrom"]["secretKeyRef"]["name"] == "tiku"
    assert CONFIG.keys() <= set().union(*map(variables, SETTINGS.values()))


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_mount_has_its_volume_and_a_probe_its_port(name: str) -> None:
    volumes = {volume["name"] for volume in pod(name)["volumes"]}
    for container in containers(name):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    (container,) = pod(name)["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        ((_, asked),) = [(key, value) for key, value in container[probe].items() if isinstance(value, dict)]
        assert asked["port"] in {*ports, *ports.values()}
