"""Several modules, several platforms, sources from git, build commands, patches."""

import shutil
import subprocess

import pytest

PLATFORMS = """
[[platform]]
name = "debian12"
base = "debian:bookworm-slim"
[platform.bootstrap]
suite = "bookworm"

[[platform]]
name = "small"
base = "debian:bookworm-slim"
flags = ["-Os"]
[platform.bootstrap]
suite = "bookworm"
"""


def test_further_modules_and_platforms_get_folders_of_their_own(project):
    module = project.table("second", 'flags = ["-DSECOND"]')
    project.matrix("0.24.1", "0.25.0", more=f"{module}{PLATFORMS}")
    done = project.good_build()
    first = project.name
    assert project.libraries() == {
        *(f"{r}/lib{first}-0.1.0+mesos-{r}.stub.so" for r in ("0.24.1", "0.25.0")),
        *(f"{r}-small/lib{first}-0.1.0+mesos-{r}.stub.so" for r in ("0.24.1", "0.25.0")),
        *(f"second/{r}/libsecond-0.1.0+mesos-{r}.stub.so" for r in ("0.24.1", "0.25.0")),
        *(f"second/{r}-small/libsecond-0.1.0+mesos-{r}.stub.so" for r in ("0.24.1", "0.25.0")),
    }
    for place in ("0.24.1", "0.24.1-small", "second/0.24.1", "second/0.24.1-small"):
        assert (project.root / f"build/logs/{place}.log").is_file()
        assert (project.root / f"build/contexts/{place}/Dockerfile").is_file()
    project.verify_checksums()
    rows = project.manifest()
    assert len(rows) == 8
    assert "-Os" in rows[f"{first}/0.24.1/small"]["flags"]
    assert "-Os" not in rows[f"{first}/0.24.1/debian12"]["flags"]
    header = next(line for line in done.out.splitlines() if line.startswith("module"))
    assert "platform" in header


def test_one_bad_module_does_not_concern_the_other(project):
    project.write("bad/bad.cpp", "#error never\n")
    project.matrix("0.24.1", "0.25.0", more=project.table("bad", source='source = "bad"'))
    done = project.build()
    assert done.code == 1
    assert project.libraries() == {
        f"{r}/lib{project.name}-0.1.0+mesos-{r}.stub.so" for r in ("0.24.1", "0.25.0")
    }
    assert "2 passed, 2 failed" in done.out


class TestBuildCommand:
    def test_it_makes_the_library_itself(self, project, engine):
        project.write(
            "src/build.mk.sh",
            'for f in *.cpp; do "$CXX" $CXXFLAGS -c "$f" -o mine.o; done\n'
            '"$CXX" mine.o $LDFLAGS -o "$LIBRARY"\n',
        )
        project.matrix("0.24.1", "0.25.0", module='build = "sh ./build.mk.sh"')
        project.good_build(engine=engine)
        assert len(project.libraries()) == 2
        checks = next(iter(project.manifest().values()))["smoke"]["checks"]
        assert all(check["ok"] for check in checks)

    @pytest.mark.parametrize(
        ("command", "says"), [("exit 7", "exited with 7"), ("true", "left no $LIBRARY")]
    )
    def test_one_that_fails_fails_its_target(self, project, command, says):
        project.matrix("0.24.1", module=f'build = "{command}"')
        done = project.build()
        assert done.code == 1
        assert says in done.out
        assert project.libraries() == set()


@pytest.fixture
def git_module(project):
    """A repository with the counterfeit below ``native/``, and its newest commit's ID."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = project.root / "upstream"
    folder.mkdir()
    environment = {
        **project.environment(),
        "HOME": str(project.root),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "nobody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "nobody@example.org" for who in ("AUTHOR", "COMMITTER")},
    }

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    git("init", "--quiet")
    shutil.copytree(project.root / "src", folder / "native")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    revision = git("rev-parse", "HEAD")
    # The branch goes on; the matrix names a commit.
    (folder / "native/tiny.cpp").write_text("#error the branch's newest commit\n")
    git("commit", "--quiet", "-a", "-m", "second")
    return folder, revision


def from_git(url, revision: str, subpath: str = "native") -> str:
    return f'git = "{url}"\nrevision = "{revision}"\nsubpath = "{subpath}"'


class TestGit:
    def test_a_module_comes_from_a_commit(self, project, git_module):
        folder, revision = git_module
        source = from_git(f"file://{folder}", revision)
        project.matrix("0.24.1", "0.25.0", more=project.table("fetched", source=source))
        project.good_build()
        assert len([path for path in project.libraries() if path.startswith("fetched/")]) == 2
        # And again without the repository.
        shutil.rmtree(folder)
        assert "all from the cache" in project.good_build().out

    @pytest.mark.parametrize(
        ("revision", "subpath", "says"),
        [
            ("0" * 40, "native", "has no commit " + "0" * 40),
            (None, "nowhere", "no folder 'nowhere'"),
        ],
        ids=["commit", "folder"],
    )
    def test_what_is_not_there_fails_its_own_targets(
        self, project, git_module, revision, subpath, says
    ):
        folder, real = git_module
        source = from_git(f"file://{folder}", revision or real, subpath)
        project.matrix("0.24.1", "0.25.0", more=project.table("fetched", source=source))
        done = project.build()
        assert done.code == 1, done.text
        assert "module fetched" in done.out
        assert says in done.out
        assert "Traceback" not in done.text
        assert "2 passed, 2 failed" in done.out
        assert len(project.libraries()) == 2


DIFF = """\
--- a/tiny.cpp
+++ b/tiny.cpp
@@ -13,3 +13,3 @@
 struct Tiny : mesos::slave::Isolator {
-  int prepare() override { return MESOS_VERSION_INT; }
+  int prepare() override { return PATCHED; }
 };
"""
RULES = """\
[[edit]]
why = "takes the number from a header of ours"
file = "tiny.cpp"
pattern = '^#ifdef BREAK$'
replacement = '#include "patched.h"\\n#ifdef BREAK'

[[header]]
why = "defines what the diff uses"
file = "patched.h"
include = "patched.h"
"""
PATCHES = """
[[override]]
match = "<0.25"
patches = ["patches/one.diff", "patches/rules.toml"]
"""


class TestPatches:
    def write(self, project, diff=DIFF, rules=RULES):
        project.write("patches/one.diff", diff)
        project.write("patches/rules.toml", rules)
        project.write("patches/patched.h", "#define PATCHED 42\n")
        project.matrix("0.24.1", "0.25.0", more=PATCHES)

    def test_diff_edit_and_header_apply_where_they_match(self, project):
        self.write(project)
        project.good_build()
        contexts = project.root / "build/contexts"
        patched = (contexts / "0.24.1/module/tiny.cpp").read_text()
        assert "return PATCHED;" in patched
        assert patched.startswith('#include "patched.h"\n')
        assert "PATCHED" not in (contexts / "0.25.0/module/tiny.cpp").read_text()
        assert "PATCHED" not in (project.root / "src/tiny.cpp").read_text()
        rows = project.manifest()
        assert rows[f"{project.name}/0.24.1/debian12"]["patches"] == [
            "patches/one.diff",
            "patches/rules.toml",
        ]
        # The header is part of what makes the library.
        project.write("patches/patched.h", "#define PATCHED 43\n")
        done = project.good_build()
        assert f"ok {project.name}/0.24.1/debian12 (cached)" not in done.out
        assert f"ok {project.name}/0.25.0/debian12 (cached)" in done.out

    def test_the_header_is_what_the_compiler_sees(self, project):
        self.write(project)
        project.write("patches/patched.h", "#error seen\n")
        done = project.build()
        assert done.code == 1
        assert "#error seen" in done.out

    @pytest.mark.parametrize(
        ("diff", "rules", "named"),
        [
            (
                DIFF.replace("struct Tiny ", "struct Other "),
                RULES,
                ("one.diff", "hunk 1 (@@ -13,3"),
            ),
            (DIFF.replace("-13,3 +13,3", "-12,3 +12,3"), RULES, ("one.diff", "hunk 1 (@@ -12,3")),
            (DIFF, RULES.replace("#ifdef BREAK$", "#ifdef BROKEN$"), ("rules.toml", "[[edit]] 1")),
        ],
        ids=["context", "fuzz", "edit"],
    )
    def test_what_does_not_apply_is_named(self, project, diff, rules, named):
        self.write(project, diff=diff, rules=rules)
        done = project.build()
        assert done.code == 1, done.text
        (line,) = [line for line in done.out.splitlines() if line.startswith("  patches/")]
        assert "tiny.cpp" in line
        for part in named:
            assert part in line
        assert project.statuses() == {"0.24.1": "failed", "0.25.0": "passed"}
