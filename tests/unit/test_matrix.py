"""matrix.toml: what is in ours, what a good one may say, and its schema."""

import json
import tomllib
from collections import defaultdict
from pathlib import Path

import jsonschema
import pytest

import buildkit
from buildkit import matrix as matrix_file
from buildkit.errors import UsageError
from buildkit.matrix import load_matrix
from buildkit.releases import FINAL_RELEASES, Release

REPOSITORY = Path(buildkit.__file__).parent.parent

EVERY_KEY = """\
releases = ["old", "1.0.1"]

[groups]
old = ["0.23.1", "0.24.1"]

[defaults]
sdk = "stub"
engine = "host"
smoke = "load"
memory-per-job = "512MiB"
seconds-per-step = 60
processes-per-step = 64
cache-size = 1000000000

[archives]
url = "https://archives.example/mesos"
mirrors = ["http://mirror.example/mesos"]

[sdk]
image = "registry.example/mesos-dev:{release}"
prefix = "/opt/mesos/{release}"

[[module]]
name = "volume"
version = "1.0.0"
symbol = "descriptor"
kind = "Isolator"
source = "src"
sources = ["*.cpp"]
include = ["include"]
build = "make"
encoding = "packed"
license = "Apache-2.0"
license-files = ["LICENSE"]
flags = ["-DWORD=a b"]
link-flags = ["-Wl,--as-needed"]
packages = ["libcurl4-openssl-dev", "libstdc++-12-dev"]

[module.smoke]
scenario = "lifecycle"
parameters = { command = "/usr/bin/dvdcli" }
environment = { DVDI_VOLUME_NAME = "v1", DVDI_VOLUME_DVDCLI = "{stand-in}" }
root = true
writes = ["/var/run/mesos/isolators"]

[module.deploy]
libraries = "/opt/mesos/modules"
manifests = "/etc/mesos/modules.d"
parameters = { command = "/usr/bin/dvdcli" }
isolators = [{ match = "<0.23", name = "filesystem/shared", why = "makes the namespace" }]
state = "/var/run/mesos/isolators/volume"

[[module]]
name = "other"
version = "2"
symbol = "other_descriptor"
git = "https://example.org/other.git"
revision = "0123456789abcdef0123456789abcdef01234567"
subpath = "isolator"
common-sources = ["core/*.cpp"]
protos = ["*.proto"]

[[platform]]
name = "debian12"
base = "debian:bookworm-slim"
compiler = "x86_64-linux-gnu-g++-12"
architecture = "amd64"
packages = ["g++-12"]
flags = ["-fstack-protector"]
cxx11_abi = false
floor = { glibc = "2.31", glibcxx = "3.4.28", cxxabi = "1.3.12", gcc = "7.0.0" }

[platform.bootstrap]
suite = "bookworm"
mirror = "http://archive.example/debian"

[[override]]
match = "<0.24"
modules = ["volume"]
platforms = ["debian12"]
flags = ["-DOLD"]
env = { CPATH = "/opt" }
patches = ["patches/old.toml"]
platform = "debian12"

[[override]]
match = "==1.0.1"
skip = "its headers are broken"

[[override]]
match = ""
expect = "fail"
reason = "not ported yet"
stage = "build"
pattern = "no member named"
"""


@pytest.fixture
def full(project):
    project.write(EVERY_KEY)
    (project.root / "patches").mkdir()
    (project.root / "patches" / "old.toml").write_text("")
    return project


def test_our_default_releases_are_the_classic_four_and_the_newest_of_each_minor():
    releases = load_matrix(REPOSITORY / "matrix.toml").releases
    classic = {Release.parse(text) for text in ("0.23.1", "0.24.1", "0.25.0", "0.26.0")}
    patches = defaultdict(list)
    for release in FINAL_RELEASES:
        if release >= Release(0, 23, 0):
            patches[release.major, release.minor].append(release)
    newest = {max(found) for found in patches.values()}
    assert set(releases) == classic | newest
    assert list(releases) == sorted(releases)
    assert len(releases) == 21


def test_a_file_with_every_key_is_read(full):
    matrix = full.matrix()
    assert [str(r) for r in matrix.releases] == ["0.23.1", "0.24.1", "1.0.1"]
    assert matrix.file.defaults.memory_per_job == 512 * 1024**2
    assert matrix.file.defaults.seconds_per_step == 60
    assert matrix.file.module[0].link_flags == ("-Wl,--as-needed",)
    assert matrix.file.module[0].smoke.parameters == {"command": "/usr/bin/dvdcli"}
    assert matrix.file.module[1].subpath == "isolator"
    assert matrix.file.platform[0].bootstrap.suite == "bookworm"
    assert matrix.file.platform[0].floor.gcc == "7.0.0"
    assert matrix.file.platform[0].cxx11_abi is False
    assert list(matrix.patches) == ["patches/old.toml"]
    assert matrix.root == full.root


def test_every_key_of_the_models_is_in_that_file():
    """Keeps the two tests around it honest when a key is added."""
    raw = tomllib.loads(EVERY_KEY)
    tables = {
        "MatrixFile": raw,
        "ArchivesTable": raw["archives"],
        "SdkTable": raw["sdk"],
        "Defaults": raw["defaults"],
        "Module": raw["module"][0] | raw["module"][1],
        "Smoke": raw["module"][0]["smoke"],
        "Deploy": raw["module"][0]["deploy"],
        "FurtherIsolator": raw["module"][0]["deploy"]["isolators"][0],
        "Platform": raw["platform"][0],
        "BootstrapTable": raw["platform"][0]["bootstrap"],
        "Floor": raw["platform"][0]["floor"],
        "Override": raw["override"][0] | raw["override"][1] | raw["override"][2],
    }
    schema = json.loads(matrix_file.json_schema())
    models = {**schema["$defs"], "MatrixFile": schema}
    for name, table in tables.items():
        # Neither in the file: one default is all they would need.
        assert set(models[name]["properties"]) - {"module", "platform", "override"} <= set(table), (
            name
        )


def test_the_overrides_of_a_target_come_in_file_order(full):
    overrides = full.matrix().overrides(Release(0, 23, 1), "volume", "debian12")
    assert [override.match for override in overrides] == ["<0.24", ""]
    elsewhere = full.matrix().overrides(Release(0, 23, 1), "other", "debian12")
    assert [override.match for override in elsewhere] == [""]


def test_the_matrix_may_be_named_from_anywhere(full, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_matrix(Path("project/matrix.toml")).root == full.root


@pytest.mark.parametrize("text", ["/opt/{relase}", "/opt/{}", "/opt/{release", "/{release}/{x}"])
@pytest.mark.parametrize("key", ["image", "prefix"])
def test_the_release_is_the_only_placeholder_of_an_sdk(project, key, text):
    project.add(f'[sdk]\n{key} = "m{text}"\n')
    with pytest.raises(UsageError) as caught:
        project.matrix()
    for part in ("matrix.toml: [sdk]: key", repr(key), "{release}", text):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text"), [("image", ""), ("image", "a b"), ("image", "/opt"), ("prefix", "")]
)
def test_what_can_be_neither_image_nor_folder(project, key, text):
    project.add(f'[sdk]\n{key} = "{text}"\n')
    with pytest.raises(UsageError, match=rf"\[sdk\]: key '{key}'"):
        project.matrix()


class TestSchema:
    @pytest.fixture
    def schema(self):
        schema = json.loads(matrix_file.json_schema())
        jsonschema.Draft202012Validator.check_schema(schema)
        return schema

    def test_the_file_beside_the_models_is_what_they_make(self):
        written = (REPOSITORY / "buildkit" / "matrix.schema.json").read_text()
        assert written == matrix_file.json_schema(), (
            "renew it: python -m buildkit matrix --schema matrix > buildkit/matrix.schema.json"
        )

    def test_it_accepts_our_matrix_and_one_with_every_key(self, schema):
        jsonschema.validate(tomllib.loads((REPOSITORY / "matrix.toml").read_text()), schema)
        jsonschema.validate(tomllib.loads(EVERY_KEY), schema)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("sources =", "sorces ="),
            ('"load"', '"laod"'),
            ('name = "volume"', "name = 5"),
            ("[[override]]\nmatch", "[[override]]\nmach"),
        ],
    )
    def test_it_refuses_what_the_models_refuse(self, schema, old, new):
        assert old in EVERY_KEY
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(EVERY_KEY.replace(old, new, 1)), schema)

    def test_an_editor_can_explain_every_key(self, schema):
        assert _undescribed(schema) == []


def _undescribed(schema):
    models = {"the file": schema, **schema["$defs"]}
    found = []
    for name, model in models.items():
        for key, value in model.get("properties", {}).items():
            target = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            if not (value.get("description") or target.get("description")):
                found.append(f"{name}: {key}")
    return found
