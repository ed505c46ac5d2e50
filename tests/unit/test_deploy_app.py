import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from buildkit.deploy.app import SAMPLE, Form, external_warning, form_notes, marathon_app, variables
from buildkit.deploy.appfile import AppFile, load_app
from buildkit.errors import UsageError
from buildkit.releases import FINAL_RELEASES, Release

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    name: jsonschema.Draft202012Validator(
        json.loads((ROOT / "tests" / "support" / "marathon" / f"app-{name}.json").read_text())
    )
    for name in ("0.15", "1.10")
}
EXAMPLES = sorted((ROOT / "examples" / "marathon").glob("*.toml"))


def make_app(**changes):
    values = {"id": "/db", "about": "a database", "cmd": "run", **changes}
    return AppFile.model_validate(
        {key: value for key, value in values.items() if value is not None}
    )


def check(body, *names):
    for name in names:
        SCHEMAS[name].validate(json.loads(json.dumps(body)))


VOLUME = {"name": "v1", "container-path": "data"}


def test_the_environment_form_is_what_the_isolator_reads():
    app = make_app(
        env={"A": "b"},
        volume=[
            {**VOLUME, "size": 5, "options": {"iops": "150"}},
            {"name": "v2", "driver": "convoy", "container-path": "/srv/more"},
        ],
        port=[{"port": 5432, "name": "db"}],
    )
    body = marathon_app(app, "environment")
    assert body["env"] == {
        "A": "b",
        "DVDI_VOLUME_NAME": "v1",
        "DVDI_VOLUME_DRIVER": "rexray",
        "DVDI_VOLUME_OPTS": "size=5,iops=150",
        "DVDI_VOLUME_CONTAINERPATH": "data",
        "DVDI_VOLUME_NAME1": "v2",
        "DVDI_VOLUME_DRIVER1": "convoy",
        "DVDI_VOLUME_CONTAINERPATH1": "/srv/more",
    }
    assert "container" not in body
    assert (body["ports"], body["requirePorts"]) == ([5432], True)
    check(body, "0.15", "1.10")


def test_the_external_form_is_container_volumes():
    app = make_app(
        volume=[{**VOLUME, "size": 5, "options": {"iops": "150"}}],
        port=[{"name": "db"}],
    )
    body = marathon_app(app, "external")
    assert body["container"] == {
        "type": "MESOS",
        "volumes": [
            {
                "containerPath": "data",
                "mode": "RW",
                "external": {
                    "name": "v1",
                    "provider": "dvdi",
                    "size": 5,
                    "options": {"dvdi/driver": "rexray", "dvdi/iops": "150"},
                },
            }
        ],
    }
    assert "env" not in body
    assert "requirePorts" not in body
    assert body["portDefinitions"] == [{"port": 0, "protocol": "tcp", "name": "db"}]
    check(body, "1.10")


def test_both_forms_ask_for_the_same_options():
    # What Marathon 1.1 makes of the external form: dvdi/ taken off, the driver apart, size before.
    app = make_app(volume=[{**VOLUME, "size": 5, "options": {"iops": "150", "fs": "xfs"}}])
    [volume] = marathon_app(app, "external")["container"]["volumes"]
    external = volume["external"]
    options = {key.removeprefix("dvdi/"): value for key, value in external["options"].items()}
    driver = options.pop("driver")
    asked = variables(app.volume)
    assert asked["DVDI_VOLUME_DRIVER"] == driver
    pairs = dict(pair.split("=") for pair in asked["DVDI_VOLUME_OPTS"].split(","))
    assert pairs == {**options, "size": str(external["size"])}


def test_without_volumes_nothing_is_said_of_them():
    for form in get_args(Form):
        body = marathon_app(make_app(), form)
        assert not {"container", "upgradeStrategy", "env"}.intersection(body)
        check(body, "1.10")


def test_an_application_of_an_image():
    app = make_app(cmd=None, args=["--x", "1"], docker={"image": "some/image"})
    for form in get_args(Form):
        body = marathon_app(app, form)
        assert body["container"] == {
            "type": "DOCKER",
            "docker": {"image": "some/image", "network": "HOST"},
        }
        check(body, "1.10")
    check(marathon_app(app, "environment"), "0.15")


def test_an_image_cannot_have_a_volume_by_environment():
    app = make_app(docker={"image": "some/image"}, volume=[VOLUME])
    with pytest.raises(UsageError, match="Docker containerizer"):
        marathon_app(app, "environment")
    check(marathon_app(app, "external"), "1.10")
    sized = make_app(docker={"image": "some/image"}, volume=[{**VOLUME, "size": 1}])
    with pytest.raises(UsageError, match="no size"):
        marathon_app(sized, "external")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": "/Post"}, "lower-case"),
        ({"id": "/a//b"}, "lower-case"),
        ({"id": "/a_b"}, "lower-case"),
        ({"id": "../a"}, "lower-case"),
        ({"id": "/-a"}, "lower-case"),
        ({"cmd": None}, "exactly one"),
        ({"args": ["x"]}, "exactly one"),
        ({"env": {"DVDI_VOLUME_NAME": "x"}}, "made from"),
        ({"volume": [VOLUME, VOLUME]}, "twice"),
        ({"volume": [VOLUME], "instances": 2}, "one instance"),
        ({"volume": [{**VOLUME, "container-path": "../x"}]}, "without '.'"),
        ({"volume": [{**VOLUME, "container-path": "/"}]}, "without '.'"),
        ({"volume": [{**VOLUME, "name": "a b"}]}, "pattern"),
        ({"volume": [{**VOLUME, "options": {"size": "1"}}]}, "write size"),
        ({"volume": [{**VOLUME, "options": {"a": "b,c=d"}}]}, "pattern"),
        ({"volume": [{**VOLUME, "size": 0}]}, "greater"),
        ({"volume": [{**VOLUME, "name": f"v{n}"} for n in range(11)]}, "at most 10"),
        ({"port": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"port": [{"name": "a", "port": 70000}]}, "65535"),
        ({"health-check": [{"protocol": "TCP"}]}, "no such port"),
        ({"health-check": [{"protocol": "COMMAND"}]}, "COMMAND"),
        ({"health-check": [{"protocol": "TCP", "path": "/"}], "port": [{"name": "a"}]}, "'path'"),
        ({"cpus": float("nan")}, "cpus|greater"),
        ({"cpu": 1}, "cpu"),
    ],
)
def test_what_marathon_or_the_isolator_would_refuse_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_app(**changes)


def test_ids_are_absolute():
    assert make_app(id="postgres").id == "/postgres"
    assert make_app(id="/demo/data.base").id == "/demo/data.base"


def test_a_files_mistake_names_file_and_key(tmp_path):
    file = tmp_path / "app.toml"
    file.write_text('id = "/x"\nabout = "x"\ncmd = "y"\n[[volume]]\nname = "v"\nsiz = 1\n')
    with pytest.raises(UsageError, match=r"app\.toml: \[\[volume\]\] 1 \(v\).*'siz'.*'size'"):
        load_app(file)
    with pytest.raises(UsageError, match=r"--app .*other\.toml: no such file"):
        load_app(tmp_path / "other.toml")


@pytest.mark.parametrize("release", FINAL_RELEASES, ids=str)
def test_it_is_said_who_mounts_an_external_volume(release):
    text = " ".join(form_notes("external", release))
    assert ("docker/volume" in text) == (release >= Release(1, 0, 0))
    assert "DVDI_" in " ".join(form_notes("environment", release))


@pytest.mark.parametrize(
    ("version", "release", "words"),
    [
        ("1.1.5", "0.28.3", None),
        ("v1.1.5", "1.0.4", None),
        ("0.15.3", "0.24.1", None),
        ("1.2.0-RC8", "1.0.4", "docker/volume"),
        ("1.10.26", "1.11.0", "docker/volume"),
        ("1.10.26", "0.28.3", "do not know"),
        (None, "1.11.0", "if it is 1.2 or later"),
        ("odd", "1.11.0", "if it is 1.2 or later"),
    ],
)
def test_what_a_marathon_makes_of_external_volumes(version, release, words):
    found = external_warning(version, Release.parse(release))
    assert (found is None) if words is None else (words in found)


def test_the_sample_is_valid():
    for form in get_args(Form):
        check(marathon_app(SAMPLE, form), "1.10")
    check(marathon_app(SAMPLE, "environment"), "0.15")


def test_the_schemas_can_fail():
    body = marathon_app(make_app(volume=[VOLUME]), "external")
    for breaking in (
        {"upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 0}},
        {"instances": 2},
        {"memory": 1},
        {"id": "/Db"},
        {"args": ["x"]},
        {"ports": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            check({**body, **breaking}, "1.10")
    with pytest.raises(jsonschema.ValidationError):
        check(body, "0.15")


def test_the_examples_are_what_their_readme_says():
    assert [path.stem for path in EXAMPLES] == [
        "elasticsearch",
        "postgres",
        "rest-client",
        "rest-server",
    ]
    readme = (ROOT / "examples" / "marathon" / "README.md").read_text()
    assert all(f"`{path.name}`" in readme for path in EXAMPLES)


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_marathons_fields(path, form):
    body = marathon_app(load_app(path), form)
    check(body, "1.10", *(["0.15"] if form == "environment" else []))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_depend_on_each_other_and_speak_to_each_other(path):
    apps = {app.id: app for app in map(load_app, EXAMPLES)}
    app = load_app(path)
    assert set(app.depends_on) <= set(apps)
    for needed in app.depends_on:
        port = apps[needed].port[0].port
        host = f"{needed.removeprefix('/')}.marathon.mesos:{port}"
        assert any(host in value for value in app.env.values())


def test_the_postgres_example_has_a_volume_in_both_forms():
    app = load_app(ROOT / "examples" / "marathon" / "postgres.toml")
    env = marathon_app(app, "environment")["env"]
    assert env["DVDI_VOLUME_NAME"] == "postgres-data"
    assert env["DVDI_VOLUME_CONTAINERPATH"] == "data"
    [volume] = marathon_app(app, "external")["container"]["volumes"]
    assert volume["external"]["name"] == "postgres-data"
    # The password of the server is the one its client uses.
    server = load_app(ROOT / "examples" / "marathon" / "rest-server.toml")
    assert f":{app.env['POSTGRES_PASSWORD']}@" in server.env["PGRST_DB_URI"]


def test_the_elasticsearch_example_uses_documented_flags():
    """Source: docs/index.md in github.com/mesos/elasticsearch at 1.0.1."""
    documented = {
        *("--dataDir", "--elasticsearchBinaryUrl", "--elasticsearchClusterName"),
        *("--elasticsearchCpu", "--elasticsearchDisk", "--elasticsearchDockerImage"),
        *("--elasticsearchNodes", "--elasticsearchPorts", "--elasticsearchRam"),
        *("--elasticsearchSettingsLocation", "--executorForcePullImage", "--executorName"),
        *("--executorLabels", "--externalVolumeDriver", "--externalVolumeOptions"),
        *("--frameworkFailoverTimeout", "--frameworkName", "--frameworkPrincipal"),
        *("--frameworkRole", "--frameworkSecretPath", "--frameworkUseDocker", "--javaHome"),
        *("--useIpAddress", "--webUiPort", "--zookeeperMesosTimeout", "--zookeeperMesosUrl"),
    }
    app = load_app(ROOT / "examples" / "marathon" / "elasticsearch.toml")
    flags = app.args[::2]
    assert set(flags) <= documented
    assert "--zookeeperMesosUrl" in flags
    assert app.args[app.args.index("--webUiPort") + 1] == str(app.port[0].port)
