"""From build to deploy: a library that the tool itself has made."""

import json


def test_what_build_has_made_is_what_deploy_takes(project):
    project.matrix("0.24.1")
    done = project.run("deploy", "0.24.1")
    assert "not built yet; make it with: nox -s build-0.24.1" in done.clean_failure(3)

    project.good_build("--sdk", "stub")
    [row] = project.manifest().values()
    found = json.loads(project.run("deploy", "0.24.1", "--json").out)
    assert found["shippable"] is False
    assert found["artifact"]["sha256"] == row["artifact"]["sha256"]
    [library] = found["modules"]["libraries"]
    assert library["modules"] == [{"name": "tiny_Module"}]
    assert library["file"].endswith(f"/lib{project.name}-0.1.0+mesos-0.24.1.stub.so")
