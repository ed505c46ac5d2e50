"""What ``release`` refuses; what it makes is in test_release_sdk.py, where real SDKs are."""

import json

import pytest


@pytest.fixture
def built(project, host_engine):
    project.matrix(
        "0.24.1",
        "1.0.1",
        "1.1.0",
        more='[[override]]\nmatch = "==1.1.0"\nskip = "nobody runs it"\n'
        '[[override]]\nmatch = "==1.0.1"\nflags = ["-DBREAK"]\n',
    )
    assert project.build("--sdk", "stub").code == 1
    return project


def test_every_reason_is_said_at_once_and_nothing_is_made(built):
    message = built.run("release").clean_failure(1)
    assert f"{built.name}/0.24.1/debian12: built against a stub" in message
    assert f"{built.name}/1.0.1/debian12: failed when it was last built: " in message
    assert "1.1.0" not in message
    assert not (built.root / "dist/release").exists()
    library = next(path for name, path in built.dist().items() if name.endswith(".so"))
    library.unlink()
    assert "not there, though the manifest names it" in built.run("release").clean_failure(1)


def test_only_what_is_selected_is_judged(built):
    message = built.run("release", "--only", "0.24.1", "--allow-dirty").clean_failure(1)
    assert "1.0.1" not in message
    assert "nothing to publish" in built.run("release", "--only", "1.1.0").clean_failure(1)


def test_a_manifest_that_names_no_sources_is_refused(built):
    file = built.root / "dist/manifest.json"
    manifest = json.loads(file.read_text())
    manifest["schema_version"] = 2
    for row in manifest["targets"]:
        for key in ("source", "archives", "sdk_origin", "ended"):
            del row[key]
    file.write_text(json.dumps(manifest))
    message = built.run("release", "--only", "0.24.1").clean_failure(1)
    assert "does not say which sources it was built from" in message


def test_nothing_built_yet_is_refused_with_the_command(built):
    (built.root / "dist/manifest.json").unlink()
    message = built.run("release").clean_failure(1)
    assert "0.24.1/debian12: not built yet; make it with: nox -s build-0.24.1" in message


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (("--module", "tinny"), {}, "--module tinny"),
        (("--only", "9.9.9"), {}, "9.9.9"),
        (("--sign-key", "no-such-key"), {}, "--sign-key no-such-key: No such file"),
        ((), {"SOURCE_DATE_EPOCH": "yesterday"}, "SOURCE_DATE_EPOCH=yesterday"),
    ],
)
def test_a_command_line_that_is_wrong_is_one_message(built, arguments, env, words):
    built.env.update(env)
    assert words in built.run("release", *arguments).clean_failure(2)
