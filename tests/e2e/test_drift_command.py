"""drift as a user starts it: in any folder, quickly, into a pipe."""

import json

HEAVY = ("pydantic", "docker", "requests", "jinja2", "elftools")


def test_it_needs_neither_a_matrix_nor_what_builds_need(project):
    """Importing that would take longer than the report."""
    done = project.execute(
        *project.command()[:1],
        "-c",
        "import sys\nfrom buildkit.cli import main\n"
        "code = main(['drift', '0.23.1', '0.24.1'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)\n",
    )
    assert done.code == 0, done.text
    assert done.err == "[]\n"
    assert "mesos::slave::IsolatorProcess -> mesos::slave::Isolator" in done.out


def test_over_a_matrix_as_json(project):
    project.matrix("0.23.1", "0.24.1", "1.7.0")
    done = project.run("drift", "--json")
    assert done.code == 0, done.text
    report = json.loads(done.out)
    assert [(step["older"], step["newer"]) for step in report["steps"]] == [
        ("0.23.1", "0.24.1"),
        ("0.24.1", "1.7.0"),
    ]


def test_an_unknown_release_is_one_message(project):
    assert "did you mean '1.2.3'?" in project.run("drift", "1.2.4").clean_failure(2)


def test_offline_the_check_of_the_matrix_says_so(project):
    project.matrix("0.23.1", more='[archives]\nurl = "http://127.0.0.1:9/mesos"\n')
    done = project.run("matrix", "--check-upstream")
    assert "offline" in done.clean_failure(3)
