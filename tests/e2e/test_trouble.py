"""Full disks, folders that can't be written, daemons that are none, mistakes of the user."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def mount(tmp_path) -> Iterator:
    """Mounts a small file system in memory over a folder of this test's."""
    mounted: list[Path] = []

    def mount(kibibytes: int) -> Path:
        place = tmp_path / f"mounted{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", place],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"NO FULL DISK IS TESTED: mount needs root: {done.stderr.strip()}")
        mounted.append(place)
        return place

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("NO FULL DISK IS TESTED: mount needs root")
    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


# The sizes end the run in different places.
@pytest.mark.parametrize(
    ("engine", "kibibytes"),
    [("host", 24), ("host", 200), ("host", 1024), ("host", 1600), ("docker", 1024)],
    indirect=["engine"],
)
def test_a_full_disk_is_said_in_one_line(project, mount, new_project, kibibytes, engine):
    small = new_project(mount(kibibytes))
    shutil.copytree(project.root / "src", small.root / "src")
    small.matrix("0.24.1", "0.25.0", "0.26.0")
    done = small.build(engine=engine)
    assert done.code in (1, 3), done.text
    assert "Traceback" not in done.text
    assert "No space left on device" in done.text
    for name, path in small.dist().items():
        if name.endswith(".so"):
            assert path.read_bytes()[:4] == b"\x7fELF"
            subprocess.run(["readelf", "-aW", path], check=True, capture_output=True)
            assert path.with_name(f"{path.name}.debug").is_file()
    # With room again it just works.
    subprocess.run(["mount", "-o", "remount,size=64m", small.root], check=True)
    small.good_build(engine=engine)
    small.verify_checksums()
    assert not [name for name in small.dist() if ".new-" in name]


def test_a_read_only_folder(project, mount, new_project, host_engine):
    small = new_project(mount(4096))
    shutil.copytree(project.root / "src", small.root / "src")
    small.matrix("0.24.1")
    subprocess.run(["mount", "-o", "remount,ro", small.root], check=True)
    message = small.build().clean_failure(3)
    assert "Read-only file system" in message
    assert str(small.root) in message


@pytest.mark.parametrize("name", ["build", "dist"])
def test_a_file_where_a_folder_is_due(project, name, host_engine):
    project.matrix("0.24.1")
    project.write(name, "in the way\n")
    done = project.build()
    assert done.code in (1, 3), done.text
    assert "Traceback" not in done.text
    assert f"/{name}" in done.text
    assert (project.root / name).read_text() == "in the way\n"


GARBAGE = (
    "nonsense",
    "tcp://127.0.0.1:1",
    "unix:///no/such/socket",
    "http://[",
    "ssh://nobody@127.0.0.1:1",
    "unix://",
    "tcp://127.0.0.1:notaport",
)


@pytest.mark.parametrize("address", GARBAGE)
class TestDockerHost:
    def test_docker_is_refused(self, project, address):
        project.matrix("0.24.1")
        project.env["DOCKER_HOST"] = address
        message = project.build(engine="docker").clean_failure(3)
        assert address in message
        assert not (project.root / "dist").exists()

    def test_auto_takes_the_host_and_says_so(self, project, address, host_engine):
        project.matrix("0.24.1")
        project.env["DOCKER_HOST"] = address
        done = project.run("plan")
        assert done.code == 0, done.text
        assert "engine host: no Docker daemon answers" in done.out
        assert "no sandbox" in done.out


class TestBadInput:
    @pytest.mark.parametrize(
        ("matrix", "named"),
        [
            ("", "'releases'"),
            ('\nreleases = "0.24.1" "0.25.0"\n', "line 2, column"),
            ("\x00\x01\xff\xfe", "matrix.toml"),
            ("releases = []\n", "'releases'"),
            ('releases = ["0.24.9"]\n', "0.24.9"),
            ('relases = ["0.24.1"]\n', "'relases'"),
            ('releases = ["0.24.1", "0.24.1"]\n', "0.24.1"),
        ],
    )
    def test_a_bad_matrix_is_one_message(self, project, matrix, named):
        module = project.table(project.name) if matrix.endswith("]\n") else ""
        Path(project.root, "matrix.toml").write_bytes((matrix + module).encode("latin-1"))
        before = sorted(project.root.rglob("*"))
        message = project.run("build").clean_failure(2)
        assert message.startswith("mesos-buildkit: matrix.toml")
        assert named in message
        assert sorted(project.root.rglob("*")) == before

    @pytest.mark.parametrize(
        "arguments",
        [
            ("build", "--only", "9.9.9"),
            ("build", "--only", ">=banana"),
            ("build", "--matrix", "nowhere.toml"),
            ("build", "--smoke", "agent"),
            ("contexts", "--only", ""),
            ("contexts", "--matrix", "nowhere.toml"),
            ("plan", "--only", "9.9.9"),
            ("shell",),
        ],
    )
    def test_a_bad_command_line_is_one_message(self, project, arguments):
        project.matrix("0.24.1", "0.25.0")
        before = sorted(project.root.rglob("*"))
        project.run(*arguments).clean_failure(2)
        assert sorted(project.root.rglob("*")) == before

    @pytest.mark.parametrize(
        "arguments", [("biuld",), (), ("build", "--jobs", "0"), ("build", "--engine", "moon")]
    )
    def test_what_the_parser_refuses(self, project, arguments):
        done = project.run(*arguments)
        assert done.code == 2
        assert "Traceback" not in done.text
        assert "usage:" in done.err

    @pytest.mark.parametrize("sdk", ["image", "prefix"])
    def test_an_sdk_that_the_matrix_does_not_name(self, project, sdk):
        project.matrix("0.24.1")
        assert f"--sdk {sdk}" in project.build("--sdk", sdk).clean_failure(2)
        assert not (project.root / "build").exists()

    @pytest.mark.parametrize("left", [None, "build/cache/sdk/.new-1/half"])
    def test_an_archive_without_a_way_to_any(self, project, left):
        if left is not None:
            # By a run that was killed.
            project.write(left, "")
        elsewhere = '[archives]\nurl = "http://localhost:1/mesos"\n'
        project.matrix("0.24.1", more=elsewhere)
        project.env["MESOS_BUILDKIT_ARCHIVES"] = str(project.root / "archives")
        done = project.build("--sdk", "release")
        assert done.code == 3
        assert "mesos-0.24.1.tar.gz: not in" in done.err
        assert "http://localhost:1/mesos/0.24.1/mesos-0.24.1.tar.gz" in done.err
        assert "Traceback" not in done.text

    def test_a_manifest_of_somebody_else(self, project, host_engine):
        project.matrix("0.24.1")
        project.write("dist/manifest.json", '{"made by": "another tool"}')
        done = project.build()
        assert "dist/manifest.json" in done.clean_failure(2)
        assert (project.root / "dist/manifest.json").read_text() == '{"made by": "another tool"}'


class TestUnprivileged:
    """A user who may not write where the project lies."""

    @pytest.fixture
    def foreign(self, project, new_project):
        """The project where another user can see it, and how to be that user."""
        # Not below pytest's own folder, which is closed to others.
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            foreign = new_project(Path(folder, "project"))
            shutil.copytree(project.root, foreign.root)
            foreign.matrix("0.24.1")
            foreign.root.chmod(0o555)
            options = {}
            if os.geteuid() == 0:
                options = {"user": 65534, "group": 65534, "extra_groups": []}
                try:
                    usable = foreign.run("--version", **options).code == 0
                except PermissionError:
                    usable = False
                if not usable:
                    pytest.skip("NOT TESTED AS ANOTHER USER, who can't run this Python")
            yield foreign, options
            foreign.root.chmod(0o755)

    @pytest.mark.usefixtures("host_engine")
    @pytest.mark.parametrize("verb", ["build", "contexts"])
    def test_it_is_said_in_one_line(self, foreign, verb):
        project, options = foreign
        project.env["DOCKER_HOST"] = "unix:///nowhere"
        message = project.run(verb, **options).clean_failure(3)
        assert "Permission denied" in message
        assert str(project.root) in message


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_plan_that_cannot_be_carried_out_fails_as_the_build_does(project, host_engine, more):
    project.write(
        "mend.toml",
        '[[edit]]\nwhy = "x"\nfile = "tiny.cpp"\npattern = "nowhere"\nreplacement = ""\n',
    )
    project.matrix("0.24.1", "1.0.1", more='[[override]]\nmatch = ">=1"\npatches = ["mend.toml"]\n')
    done = project.run("plan", "--engine", "host", *more)
    assert done.code == 1, done.text
    assert "mend.toml" in done.out
    assert project.build("--only", "1.0.1").code == 1
