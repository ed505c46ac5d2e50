"""What a step may count on and what is kept from it: the same with both engines."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from buildkit.engine import Limits
from buildkit.errors import TargetError, UsageError

MIB = 1024**2


def test_inputs_arrive_with_their_modes_and_one_time(bench, tmp_path):
    module = tmp_path / "module"
    (module / "src").mkdir(parents=True)
    (module / "src" / "a.cpp").write_text("int a;\n")
    (module / "src" / "b.cpp").symlink_to("a.cpp")
    (module / "run.sh").write_text("echo ran")
    (module / "run.sh").chmod(0o700)
    for path in (module, *module.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)
    result = bench.run(
        "find module deep -printf '%p %y %m %T@\\n' | sort; cat deep/in.txt; ./module/run.sh",
        inputs={"module": module, "deep/in.txt": module / "src" / "a.cpp"},
        env={"SOURCE_DATE_EPOCH": "1700000000"},
    )
    assert result.ok
    assert [line.replace(".0000000000", "") for line in bench.lines] == [
        "deep d 755 1700000000",
        "deep/in.txt f 644 1700000000",
        "module d 755 1700000000",
        "module/run.sh f 755 1700000000",
        "module/src d 755 1700000000",
        "module/src/a.cpp f 644 1700000000",
        "module/src/b.cpp l 777 1700000000",
        "int a;",
        "ran",
    ]


def test_results_are_exactly_what_is_in_out(bench):
    result = bench.run(
        "echo kept > out/a; mkdir -p out/deep/er; echo run > out/deep/tool; "
        "chmod 755 out/deep/tool; "
        "ln -s deep/tool out/alias; echo no > elsewhere"
    )
    assert result.ok
    assert bench.results() == {"a": "kept\n", "deep/tool": "run\n", "alias": "-> deep/tool"}
    assert (bench.output / "deep" / "er").is_dir()
    assert os.access(bench.output / "deep" / "tool", os.X_OK)
    assert not os.access(bench.output / "a", os.X_OK)
    assert (bench.output / "a").stat().st_uid == os.getuid()


def test_the_environment_is_the_steps_own_and_nothing_of_ours(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    bench.run(argv=("env",), env={"CXXFLAGS": "-O2 -g"})
    got = dict(line.split("=", 1) for line in bench.lines)
    assert got.pop("PATH")
    assert got.pop("HOME") == got.pop("TMPDIR")
    assert got == {"CXXFLAGS": "-O2 -g", "LC_ALL": "C", "TZ": "UTC", "TARGET": bench.target}


def test_output_comes_line_by_line_in_order_whatever_it_is(bench):
    bench.run(
        "for n in 1 2 3; do echo out $n; echo err $n >&2; done; printf 'bad \\377 byte\\n\\nlast'"
    )
    assert bench.lines == [
        "out 1", "err 1", "out 2", "err 2", "out 3", "err 3",
        "bad \N{REPLACEMENT CHARACTER} byte", "", "last",
    ]  # fmt: skip


def test_the_caller_is_told_once_that_the_command_runs(bench):
    said = []
    assert bench.run("echo ran", emit=said.append, started=lambda: said.append("started")).ok
    assert said == ["started", "ran"]


def test_much_output_is_neither_lost_nor_mixed_up(bench):
    bench.run("seq 200000")
    assert bench.lines == [str(number) for number in range(1, 200_001)]


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", 139), ("exec no-such-program", 127)],
)
def test_exit_codes_are_a_shells(bench, script, code):
    result = bench.run(script)
    assert (result.exit_code, result.ended, result.ok) == (code, "exited", code == 0)


def test_a_program_that_is_not_there_fails_as_in_a_shell(bench):
    result = bench.run(argv=("no-such-program",))
    assert (result.exit_code, result.ended) == (127, "exited")
    assert "no-such-program" in bench.lines[0]


def test_results_of_a_failed_step_are_kept(bench):
    assert not bench.run("echo why > out/report; exit 1").ok
    assert bench.results() == {"report": "why\n"}


def test_results_that_the_step_removed_are_none(bench):
    assert bench.run("rm -r out").ok
    assert bench.results() == {}


def test_no_core_is_dumped_and_stdin_is_empty(bench):
    bench.run("ulimit -c; cat; echo end")
    assert bench.lines == ["0", "end"]


def test_a_folder_of_the_system_is_the_steps_own_and_gone_afterwards(bench):
    folder = f"/var/run/mesos-buildkit-test-{os.getpid()}/deep"
    script = f"ls -A {folder}; echo found > {folder}/file; cat {folder}/file; pwd; echo > out/r"
    for _ in range(2):
        bench.lines.clear()
        result = bench.run(script, inputs={}, writable=(folder,))
        assert result.ok, bench.lines
        # The first line would be what another step had left.
        assert bench.lines[0] == "found"
        assert bench.results() == {"r": "\n"}
    assert not Path(folder).parent.exists()


def test_one_that_insists_on_being_root_is_and_may_nothing(bench):
    result = bench.run(
        "id -u; echo > out/r; chown 1234 out/r 2> /dev/null || echo refused", root=True
    )
    assert result.ok
    assert bench.lines[0] == "0"
    assert bench.results() == {"r": "\n"}
    if bench.engine.name == "docker":
        assert bench.lines[1:] == ["refused"]


class TestApart:
    """Of a step that starts what may leave its session, and listens."""

    def test_it_sees_its_own_processes_only_and_ends_them(self, bench):
        result = bench.run(
            "(setsid sleep 60 >/dev/null 2>&1 &); ls -d /proc/[0-9]* | wc -l",
            root=True,
            apart=True,
        )
        assert result.ok
        [count] = bench.lines
        assert int(count) < 12
        assert bench.left_running() == []

    def test_it_has_loopback_and_nothing_else(self, bench):
        bench.run("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", root=True, apart=True)
        assert bench.lines == ["lo"]

    def test_it_is_ended_like_any_other(self, bench):
        result = bench.run(
            "trap '' TERM; sleep 600", root=True, apart=True, limits=Limits(seconds=1.0)
        )
        assert result.ended == "timeout"
        assert bench.left_running() == []


class TestLimits:
    def test_time(self, bench):
        result = bench.run("echo began | tee out/log; sleep 600", limits=Limits(seconds=1.0))
        assert (result.ended, result.ok) == ("timeout", False)
        assert bench.lines == ["began"]
        assert bench.results() == {"log": "began\n"}
        assert bench.left_running() == []

    def test_time_for_a_step_that_closed_its_output(self, bench):
        result = bench.run("exec >&- 2>&-; sleep 600", limits=Limits(seconds=1.0))
        assert result.ended == "timeout"
        assert bench.left_running() == []

    def test_a_step_may_close_its_output_and_go_on(self, bench):
        result = bench.run("exec >&- 2>&-; sleep 0.5; echo late > out/late; exit 4")
        assert (result.exit_code, result.ended) == (4, "exited")
        assert bench.results() == {"late": "late\n"}

    def test_memory(self, bench):
        # tail keeps all of a line that does not end; the shell around it would go on afterwards.
        hungry = "head -c 400m /dev/zero | tail -n 1 > /dev/null; sleep 1; true"
        result = bench.run(hungry, limits=Limits(memory_bytes=100 * MIB, seconds=60.0))
        assert (result.ended, result.ok) == ("memory", False)
        assert bench.left_running() == []

    def test_memory_below_the_limit_is_no_concern(self, bench):
        modest = "head -c 40m /dev/zero | tail -n 1 > /dev/null; sleep 1"
        assert bench.run(modest, limits=Limits(memory_bytes=200 * MIB, seconds=60.0)).ok


class TestCancelling:
    def test_ends_what_runs(self, bench):
        def emit(line):
            bench.lines.append(line)
            bench.cancelled.set()

        result = bench.run("echo began; sleep 600 & sleep 600", emit=emit)
        assert (result.ended, result.ok) == ("cancelled", False)
        assert result.seconds < 60
        assert bench.lines == ["began"]
        assert bench.left_running() == []

    def test_beforehand_starts_nothing(self, bench):
        bench.cancelled.set()
        result = bench.run("echo began", started=lambda: bench.lines.append("started"))
        assert (result.ended, bench.lines) == ("cancelled", [])
        assert not bench.output.exists()


class TestNothingIsLeft:
    def test_of_what_a_step_put_in_the_background(self, bench):
        assert bench.run("sleep 600 & setsid sleep 600 & (setsid sleep 600 &) ; echo end").ok
        assert bench.left_running() == []

    def test_when_the_caller_fails_on_a_line(self, bench):
        def emit(_):
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            bench.run("echo began; sleep 600", emit=emit)
        assert bench.left_running() == []

    def test_when_the_caller_fails_as_the_command_starts(self, bench):
        def started():
            raise RuntimeError("can't start new thread")

        with pytest.raises(RuntimeError, match="new thread"):
            bench.run("sleep 600", started=started)
        assert bench.left_running() == []

    def test_when_an_input_is_not_there(self, bench, tmp_path):
        with pytest.raises(UsageError, match="nowhere"):
            bench.run("true", inputs={"x": tmp_path / "nowhere"})
        assert bench.left_running() == []


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("ln -s /etc/passwd out/l", id="absolute link"),
        pytest.param("ln -s ../../x out/l", id="link to parents"),
        pytest.param("ln -s / out/d && ln -s d/etc/passwd out/l", id="chain of links"),
        pytest.param("mkfifo out/pipe", id="pipe"),
    ],
)
def test_results_that_reach_out_are_refused(bench, script):
    with pytest.raises(TargetError):
        bench.run(script)
    assert bench.results() == {}
    assert bench.left_running() == []


def test_out_itself_cannot_be_turned_into_a_way_out(bench):
    with suppress(TargetError):
        bench.run("rm -r out; ln -s /etc out")
    assert bench.results() == {}


def test_steps_may_run_side_by_side(bench):
    outcomes = {}

    def work(number):
        lines = []
        step = bench.step(f"echo {number}; sleep 0.3; echo {number} > out/number")
        output = bench.folder / f"output-{number}"
        result = bench.engine.run(step, bench.base, output, lines.append, threading.Event())
        outcomes[number] = (result.ok, lines, (output / "number").read_text())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {n: (True, [str(n)], f"{n}\n") for n in range(4)}


def test_the_same_inputs_give_the_same_library(bench, tmp_path):
    (tmp_path / "a.cpp").write_text("#include <string>\nstd::string f() { return __FILE__; }\n")
    libraries = []
    for _ in range(2):
        assert bench.run(
            'g++ -g -fPIC -shared -ffile-prefix-map="$PWD"=. -Wl,--build-id=sha1 a.cpp -o out/a.so',
            inputs={"a.cpp": tmp_path / "a.cpp"},
        ).ok
        libraries.append((bench.output / "a.so").read_bytes())
        (bench.output / "a.so").unlink()
    assert libraries[0] == libraries[1]
