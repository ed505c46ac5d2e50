"""Whatever is wrong with the matrix file: one clear message, exit code 2, nothing written."""

import pytest

from buildkit import cli
from buildkit.errors import ExitCode, UsageError

MODULE = """\
[[module]]
name = "volume"
version = "1.0.0"
symbol = "descriptor"
source = "src"
"""
GOOD = f'releases = ["0.24.1", "1.0.1"]\n{MODULE}'
OVERRIDE = f'{GOOD}[[override]]\nmatch = "<1"\n'
PLATFORM = f'{GOOD}[[platform]]\nname = "debian11"\nbase = "debian:bullseye"\n'
EXPECT = f'{OVERRIDE}expect = "fail"\nreason = "r"\nstage = "build"\npattern = "p"\n'
HERE = "[[module]] 1 (volume)"
THERE = "[[override]] 1 (<1)"


def case(name, text, *parts):
    """A matrix file, and what its message has to name beside the file itself."""
    return pytest.param(text, parts, id=name)


def releases(names, groups=""):
    return f"releases = [{names}]\n{groups}{MODULE}"


CASES = [
    # keys
    case("key at the top", GOOD.replace("rel", "re1", 1), "'re1eases'", "mean 'releases'?"),
    case("key of a module", GOOD + 'sorces = ["*.cpp"]', HERE, "'sorces'", "mean 'sources'?"),
    case("key like none", GOOD + "zzz = 1", HERE, "'zzz'", "allowed here: ", "link-flags"),
    case("underscore", GOOD + "link_flags = []", HERE, "'link_flags'", "mean 'link-flags'?"),
    case("key of defaults", GOOD + '[defaults]\nsmok = "run"', "[defaults]", "mean 'smoke'?"),
    case("nested key", GOOD + '[module.smoke]\nscenari = "x"', HERE, "mean 'scenario'?"),
    case("nested key 2", PLATFORM + '[platform.bootstrap]\nsuit = "b"', "mean 'suite'?"),
    case("key of an override", OVERRIDE + 'patch = ["x"]', THERE, "'patch'", "mean 'patches'?"),
    case("key of a second module", GOOD + MODULE.replace("sour", "suor"), "[[module]] 2"),
    case("missing key", GOOD.replace('symbol = "descriptor"\n', ""), HERE, "'symbol'", "required"),
    case("override without match", GOOD + "[[override]]\nflags = []", "[[override]] 1", "'match'"),
    # types
    case("string for a list", releases("").replace("[]", '"0.24.1"', 1), "'releases'", "a list"),
    case("number in a list", releases('"0.24.1", 1.0'), "'releases[1]'", "a string", "1.0"),
    case("string for a table", 'releases = ["0.24.1"]\nmodule = "x"', "'module'", "expected"),
    case("table for tables", GOOD.replace("[[module]]", "[module]"), "'module'", "expected a list"),
    case("list for a table", "defaults = [1]\n" + GOOD, "'defaults'", "expected a table"),
    case("groups as a list", 'groups = ["a"]\n' + GOOD, "'groups'", "expected a table"),
    case("group as a string", GOOD + '[groups]\ng = "0.24.1"', "[groups]", "'g'", "a list"),
    case("flags as a string", GOOD + 'flags = "-O2"', HERE, "'flags'", "a list", "'-O2'"),
    case("number for a string", GOOD.replace('"volume"', "5"), "[[module]] 1", "'name'", "5"),
    case("date for a string", GOOD + "flags = [1979-05-27]", HERE, "'flags[0]'", "a string"),
    case("words for a number", GOOD + '[defaults]\nprocesses-per-step = "20"', "whole number"),
    case("fraction", GOOD + "[defaults]\nprocesses-per-step = 20.5", "whole number", "20.5"),
    case("truth for a number", GOOD + "[defaults]\nseconds-per-step = true", "'seconds-per-step'"),
    case("no size", GOOD + '[defaults]\nmemory-per-job = "lots"', "'memory-per-job'", '"2GiB"'),
    case("unit of no size", GOOD + '[defaults]\ncache-size = "2 apples"', "'cache-size'", '"2GiB"'),
    case("number of env", OVERRIDE + "env = { A = 1 }", THERE, "'env.A'", "a string"),
    # values
    case("too small", GOOD + "[defaults]\nprocesses-per-step = 2", "[defaults]", "16"),
    case("negative", GOOD + "[defaults]\nseconds-per-step = -2", "'seconds-per-step'", "-2"),
    case("endless", GOOD + "[defaults]\nseconds-per-step = inf", "'seconds-per-step'", "inf"),
    case("choice", GOOD + '[defaults]\nengine = "dokcer"', "[defaults]", "mean 'docker'?"),
    case("encoding", GOOD + 'encoding = "octl"', HERE, "'encoding'", "mean 'octal'?"),
    case("kind", GOOD + 'kind = "Isolater"', HERE, "'kind'", "mean 'Isolator'?"),
    case("architecture", PLATFORM + 'architecture = "amd46"', "(debian11)", "mean 'amd64'?"),
    case("symbol", GOOD.replace('"descriptor"', '"a-b"'), HERE, "'symbol'", "'a-b'"),
    case("name that is a path", GOOD.replace('"volume"', '"../x"'), "'name'", "'../x'"),
    case("name of a group", GOOD + '[groups]\n"a b" = ["0.23.1"]', "[groups]", "'a b'"),
    case("group like a release", GOOD + '[groups]\n"0.24.1" = ["0.23.1"]', "[groups]", "0.24.1"),
    case("name of env", OVERRIDE + 'env = { "A B" = "x" }', THERE, "'env.A B'"),
    case("two lines in a flag", GOOD + 'flags = ["-DA\\n"]', HERE, "'flags[0]'"),
    case("compiler with flags", PLATFORM + 'compiler = "g++ -m32"', "'compiler'", "g++ -m32"),
    case("floor", PLATFORM + 'floor = "debain11"', "(debian11)", "'floor'", "mean 'debian11'?"),
    case("floor like none", PLATFORM + 'floor = "zzz"', "(debian11)", "there are centos6, "),
    case("floor as a number", PLATFORM + "floor = 2.31", "'floor'", "2.31", "name or a table"),
    case("number in a floor", PLATFORM + "floor = { glibc = 2.31 }", "'floor.glibc'", "a string"),
    case(
        "label in a floor", PLATFORM + 'floor = { glibc = "GLIBC_2.31" }', "'floor.glibc'", "form"
    ),
    case("key of a floor", PLATFORM + 'floor = { glib = "2.3" }', "glib'", "mean 'glibc'?"),
    case("empty floor", PLATFORM + "floor = {}", "(debian11)", "'floor'", "needs one of glibc"),
    case("cxx11_abi", PLATFORM + "cxx11_abi = 0", "'cxx11_abi'", "true or false"),
    case("cxx11_abi with a hyphen", PLATFORM + "cxx11-abi = false", "mean 'cxx11_abi'?"),
    case(
        "cxx11_abi as a flag",
        PLATFORM + 'flags = ["-D_GLIBCXX_USE_CXX11_ABI=0"]',
        "(debian11)",
        "'flags'",
        "write cxx11_abi = false",
    ),
    case("package", GOOD + 'packages = ["g++; reboot"]', HERE, "'packages[0]'", "reboot"),
    # releases
    case("no release", releases(""), "'releases'", "must not be empty"),
    case("half a release", releases('"0.24"'), "'releases'", "'0.24'", "such as 0.24.1"),
    case("candidate", releases('"0.24.1-rc1"'), "'releases'", "'0.24.1-rc1'"),
    case("zeros", releases('"00.24.1"'), "'releases'", "'00.24.1'"),
    case("twice in the list", releases('"0.24.1", "0.24.1"'), "'releases'", "0.24.1", "twice"),
    case(
        "twice: list and group",
        releases('"0.24.1", "g"', 'groups = { g = ["0.24.1"] }\n'),
        *("'releases'", "0.24.1", "twice", "the list itself", "group 'g'"),
    ),
    case(
        "twice: group and group",
        releases('"g", "h"', 'groups = { g = ["0.24.1"], h = ["0.24.1"] }\n'),
        *("'releases'", "0.24.1", "twice", "group 'g'", "group 'h'"),
    ),
    case("twice in an unused group", GOOD + '[groups]\ng = ["0.23.1", "0.23.1"]', "'g'", "twice"),
    case("bad in an unused group", GOOD + '[groups]\ng = ["x"]', "[groups]", "'g'", "'x'"),
    case("empty group", GOOD + "[groups]\ng = []", "[groups]", "'g'", "must not be empty"),
    case(
        "unknown group",
        releases('"clasic"', 'groups = { classic = ["0.23.1"] }\n'),
        *("'releases'", "'clasic'", "mean 'classic'?"),
    ),
    # the whole
    case("empty", "", "'releases'", "'module'", "is required"),
    case("no module", 'releases = ["0.24.1"]', "'module'", "is required"),
    case("no module in the list", 'releases = ["0.24.1"]\nmodule = []', "'module'", "be empty"),
    case("no platform", f"platform = []\n{GOOD}", "'platform'", "must not be empty"),
    case("two errors", GOOD.replace('"volume"', "5") + "flgs = []", "'name'", "mean 'flags'?"),
    case("TOML", 'releases = ["0.24.1"\n[[module]\n', "not valid TOML", "line 2, column 1"),
    case("key twice", f'{GOOD}name = "other"\n', "not valid TOML", "line 7, column"),
    case("deep", f"a = {'[' * 9999}", "not valid TOML", "nested"),
    case("junk", b"\x7fELF\x02\x01\x01\xff\xfe", "not UTF-8 text at byte 7", "expected TOML"),
    case("zero bytes", b"\x00" * 64, "not valid TOML", "line 1, column 1"),
    # modules and platforms
    case("no source", GOOD.replace('source = "src"\n', ""), HERE, "'source'", "'git'"),
    case("two sources", GOOD + 'git = "https://example.org/x"', HERE, "'source'", "'git'"),
    case("git without revision", GOOD.replace("source", "git", 1), HERE, "'revision'", "commit"),
    case("branch", GOOD.replace("source", 'revision = "main"\ngit'), HERE, "'revision'", "'main'"),
    case("subpath of a folder", GOOD + 'subpath = "x"', HERE, "'subpath'", "'git'"),
    case("common and build", GOOD + 'build = "make"\ncommon-sources = ["a"]', HERE, "'build'"),
    case("missing folder", GOOD.replace('"src"', '"scr"'), HERE, "'source'", "no folder 'scr'"),
    case("file for a folder", GOOD.replace('"src"', '"bad.diff"'), HERE, "'source'", "bad.diff"),
    case("nothing to compile", GOOD + 'sources = ["*.cc"]', HERE, "'sources'", "*.cc", "'src'"),
    case("sources empty", GOOD + "sources = []", HERE, "'sources'", "must not be empty"),
    case("sources elsewhere", GOOD + 'sources = ["../*.cpp"]', HERE, "'sources[0]'", "'..'"),
    case("module twice", GOOD + MODULE, "'module'", "'volume' is used twice"),
    case(
        "module twice but for case", GOOD + MODULE.replace("vol", "Vol"), "'Volume' is used twice"
    ),
    case("platform twice", PLATFORM + PLATFORM.partition(GOOD)[2], "'debian11' is used twice"),
    # overrides
    case("specifier", OVERRIDE.replace("<1", "<>1"), "(<>1)", "'match'", "not a PEP 440", ">=0.24"),
    case("bare version", OVERRIDE.replace("<1", "0.24"), "'match'", "'0.24'", "not a PEP 440"),
    case("module of an override", OVERRIDE + 'modules = ["volme"]', THERE, "mean 'volume'?"),
    case("platform of an override", OVERRIDE + 'platform = "debian11"', THERE, "mean 'debian12'?"),
    case("platforms of one", OVERRIDE + 'platforms = ["debian11"]', "'platforms'", "'debian12'?"),
    case("no reason", EXPECT.replace('reason = "r"\n', ""), THERE, "expect", "reason"),
    case("no stage", EXPECT.replace('stage = "build"\n', ""), THERE, "expect", "stage"),
    case("no pattern", EXPECT.replace('pattern = "p"\n', ""), THERE, "expect", "pattern"),
    case("reason alone", OVERRIDE + 'reason = "r"', THERE, "reason", "expect = 'fail'"),
    case("skip and expect", EXPECT + 'skip = "s"', THERE, "skip", "expect"),
    case("empty skip", OVERRIDE + 'skip = ""', THERE, "'skip'"),
    case("expect pass", EXPECT.replace('"fail"', '"pass"'), THERE, "'expect'", "'fail'", "'pass'"),
    case("stage", EXPECT.replace('"build"', '"bild"'), THERE, "'stage'", "mean 'build'?"),
    case("pattern", EXPECT.replace('"p"', '"("'), THERE, "'pattern'", "regular expression"),
    # patches
    case("no patch", OVERRIDE + 'patches = ["no.diff"]', THERE, "'patches'", "no.diff", "No such"),
    case("patch is a folder", OVERRIDE + 'patches = ["src"]', THERE, "'patches'", "src"),
    case("patch of what", OVERRIDE + 'patches = ["x.txt"]', THERE, "x.txt", ".diff, .patch or"),
    case("patch is junk", OVERRIDE + 'patches = ["junk.diff"]', THERE, "junk.diff", "not UTF-8"),
    case("no diff", OVERRIDE + 'patches = ["empty.diff"]', THERE, "empty.diff", "holds no change"),
    case("broken diff", OVERRIDE + 'patches = ["bad.diff"]', THERE, "bad.diff", "not a unified"),
    case("diff leaves", OVERRIDE + 'patches = ["out.diff"]', THERE, "out.diff", "../../x", "'..'"),
    case("rules: TOML", OVERRIDE + 'patches = ["bad.toml"]', THERE, "bad.toml", "line 1, column"),
    case("rules: key", OVERRIDE + 'patches = ["key.toml"]', THERE, "[[edit]] 1", "mean 'file'?"),
    case("rules: file", OVERRIDE + 'patches = ["gone.toml"]', THERE, "gone.toml", "gone.h"),
]

FILES = {
    "x.txt": b"",
    "junk.diff": b"\xff\xfe\x00",
    "empty.diff": b"nothing\n",
    "bad.diff": b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n*b\n",
    "out.diff": b"--- /dev/null\n+++ b/../../x\n@@ -0,0 +1 @@\n+a\n",
    "bad.toml": b"x =\n",
    "key.toml": b'[[edit]]\nwhy = "w"\nfil = "a"\npattern = "p"\nreplacement = ""\n',
    "gone.toml": b'[[header]]\nwhy = "w"\nfile = "gone.h"\ninclude = "gone.h"\n',
}


@pytest.fixture
def folder(project):
    for name, data in FILES.items():
        (project.root / name).write_bytes(data)
    return project


def expect_one_message(capsys, arguments):
    """Run a command line that must fail with exit code 2; the message."""
    assert cli.main(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.count("mesos-buildkit: ") == 1
    return err


@pytest.mark.parametrize(("text", "parts"), CASES)
def test_one_message_names_what_is_wrong(folder, capsys, text, parts):
    folder.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = folder.snapshot()
    message = expect_one_message(capsys, ["build", "--jobs", "1"])
    assert "matrix.toml" in message
    for part in parts:
        assert part in message
    assert folder.snapshot() == before
    with pytest.raises(UsageError):
        folder.matrix()


def test_the_files_that_the_cases_start_from_are_good(folder):
    for text in (GOOD, OVERRIDE, PLATFORM, EXPECT):
        folder.write(text)
        assert folder.matrix().releases


@pytest.mark.parametrize("verb", ["build", "smoke", "contexts", "plan", "matrix", "shell", "clean"])
def test_every_verb_that_reads_the_matrix_says_so(folder, capsys, verb):
    folder.write("releases = [")
    before = folder.snapshot()
    assert "not valid TOML" in expect_one_message(capsys, [verb])
    assert folder.snapshot() == before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "part"), [("no.toml", "no such file"), ("src", "can't be read")])
def test_a_matrix_file_that_cannot_be_read(capsys, name, part):
    assert part in expect_one_message(capsys, ["build", "--matrix", name])


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('source = "a\\u0000b"', "'source'"),
        (f'source = "{"x" * 5000}"', "'source'"),
    ],
)
def test_a_folder_that_cannot_be(folder, capsys, line, part):
    folder.write(GOOD.replace('source = "src"', line))
    assert part in expect_one_message(capsys, ["build"])


@pytest.mark.parametrize("name", ["a\\u0000b.diff", "x" * 5000 + ".diff"])
def test_a_patch_file_that_cannot_be(folder, capsys, name):
    folder.write(f'{OVERRIDE}patches = ["{name}"]')
    assert "'patches'" in expect_one_message(capsys, ["build"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["biuld"],
        ["build", "--jobs", "0"],
        ["build", "--jobs", "many"],
        ["build", "--engine", "podman"],
        ["build", "--sdk", "real"],
        ["build", "--smoke", "full"],
        ["build", "--unknown"],
        ["matrix", "--schema", "plan"],
    ],
)
def test_a_command_line_that_is_wrong(project, capsys, arguments):
    before = project.snapshot()
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == ExitCode.USAGE
    assert "usage: python -m buildkit" in capsys.readouterr().err
    assert project.snapshot() == before
