"""What compiles and loses something: warnings of the prediction, and when there must be none."""

import pytest

from buildkit import interfaces
from buildkit.cpp.reading import Variant
from buildkit.prediction.predict import NEGLECTED, predict_files
from buildkit.releases import Release
from buildkit.uses.neglect import split

TABLE = interfaces.load()
INCLUDES = "#include <mesos/mesos.hpp>\n#include <mesos/slave/isolator.hpp>\n"

# What 0.23 passes beside what others do is the root file system.
BEFORE = (
    "const mesos::ContainerID& id, const mesos::ExecutorInfo& info, const std::string& directory, "
)
ROOTFS = "const Option<std::string>& rootfs, "
USER = "const Option<std::string>&"
BODY = "{ use(id); use(info); use(directory); "


def isolator(members: str, *, process: bool = False) -> str:
    base = "mesos::slave::IsolatorProcess" if process else "mesos::slave::Isolator"
    return f"class Mine : public {base}\n{{\npublic:\n  {members}\n}};\n"


def prepare(parameters: str, body: str, *, process: bool) -> str:
    result = "process::Future<Option<mesos::CommandInfo>>"
    return isolator(f"{result} prepare({parameters}) override {body}", process=process)


def warned(**codes: str) -> dict[str, list[str]]:
    """The rules that warn, each with its releases; ``codes`` is by release, with underscores."""
    texts = {Release.parse(name.strip("_").replace("_", ".")): code for name, code in codes.items()}
    variants = [
        Variant(releases=(release,), text=INCLUDES + code, macros={})
        for release, code in texts.items()
    ]
    found = predict_files({"module.cpp": variants}, sorted(texts), TABLE)
    rules: dict[str, list[str]] = {}
    mine = {rule.name for rule in NEGLECTED.values()}
    # Classes as small as these have faults of other kinds.
    for finding in (one for one in found.findings if one.rule.name in mine):
        rules.setdefault(finding.rule.name, []).extend(map(str, finding.releases))
    return rules


def test_a_parameter_that_only_some_releases_pass_is_to_be_read():
    later = prepare(BEFORE + USER, BODY + "}", process=False)
    old = prepare(BEFORE + ROOTFS + USER, BODY + "}", process=True)
    assert warned(_0_23_1=old, _0_24_1=later) == {"unread-parameter": ["0.23.1"]}


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        pytest.param(BEFORE + ROOTFS + USER, BODY + "use(rootfs); }", id="read"),
        pytest.param(BEFORE + ROOTFS + USER, BODY + "(void) rootfs; }", id="cast-to-void"),
        pytest.param(BEFORE + ROOTFS.replace("rootfs", "") + USER, BODY + "}", id="without-a-name"),
        pytest.param(BEFORE + ROOTFS + USER, ";", id="only-declared"),
        pytest.param(BEFORE + ROOTFS + USER, BODY + "later([=] { rootfs; }); }", id="captured"),
    ],
)
def test_a_parameter_that_is_heeded_or_left_out_is_no_matter(parameters, body):
    later = prepare(BEFORE + USER, BODY + "}", process=False)
    old = prepare(parameters, body, process=True)
    assert "unread-parameter" not in {*warned(_0_23_1=old, _0_24_1=later)}


def test_a_parameter_that_all_selected_releases_pass_may_stay_unread():
    old = prepare(BEFORE + ROOTFS + USER, BODY + "}", process=True)
    assert warned(_0_23_1=old, _0_23_0=old) == {}
    named = prepare(BEFORE + USER + " user", BODY + "}", process=False)
    assert warned(_0_24_1=named, _0_25_0=named) == {}


VARIABLE = "void f(const mesos::Environment::Variable& v) { "


def test_a_field_that_has_become_one_of_several_is_to_be_asked_for():
    code = VARIABLE + "use(v.value()); }"
    assert warned(_1_2_3=code, _1_3_0=code, _1_11_0=code) == {"unread-tag": ["1.3.0", "1.11.0"]}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("if (v.has_secret()) use(v.value());", id="the-other-member"),
        pytest.param("use(v.type()); use(v.value());", id="the-tag"),
        pytest.param("use(v.name());", id="not-a-member"),
    ],
)
def test_who_asks_or_does_not_read_it_is_right(code):
    assert warned(_1_2_3=VARIABLE + "use(v.value()); }", _1_3_0=VARIABLE + code + " }") == {}


def test_who_writes_it_has_chosen():
    code = "void f(mesos::Environment::Variable* v) { v->set_value(text); }"
    assert warned(_1_2_3=code, _1_3_0=code) == {}


def test_who_knows_no_release_without_the_tag_knows_of_it():
    code = VARIABLE + "use(v.value()); }"
    assert warned(_1_3_0=code, _1_11_0=code) == {}


CONFIG = "void f(const mesos::slave::ContainerConfig& config) { "


def test_a_field_that_is_no_longer_required_is_not_to_be_relied_on():
    code = CONFIG + "use(config.executor_info()); }"
    assert warned(_1_0_4=code, _1_1_0=code) == {"no-longer-required": ["1.1.0"]}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("if (config.has_executor_info()) use(config.executor_info());", id="asked"),
        pytest.param("use(config.executor_info()); use(config.command_info());", id="the-other"),
    ],
)
def test_a_field_that_may_be_missing_and_is_provided_for(code):
    before = CONFIG + "use(config.executor_info()); }"
    assert warned(_1_0_4=before, _1_1_0=CONFIG + code + " }") == {}


def test_a_field_that_nothing_else_is_required_in_place_of_may_be_read():
    code = "void f(const mesos::ExecutorInfo& info) { use(info.command()); }"
    assert warned(_1_0_4=code, _1_1_0=code) == {}


def test_a_field_that_no_selected_release_requires_was_never_relied_on():
    code = CONFIG + "use(config.executor_info()); }"
    assert warned(_1_1_0=code, _1_2_3=code) == {}


NAMESPACES = isolator("process::Future<Option<int>> namespaces() override;")
NOTHING = isolator("")


def test_a_request_that_moves_is_to_move_along():
    found = warned(_0_24_1=NAMESPACES, _0_25_0=NOTHING, _1_2_3=NOTHING)
    assert found.keys() == {"lost-request"}
    assert sorted(found["lost-request"]) == ["0.25.0", "1.2.3"]


@pytest.mark.parametrize(
    ("release", "code"),
    [
        ("_0_25_0", "void f(mesos::slave::ContainerPrepareInfo* i) { i->set_namespaces(1); }"),
        ("_0_28_3", "void f(mesos::slave::ContainerLaunchInfo* i) { i->set_namespaces(1); }"),
        ("_1_2_3", "void f(mesos::slave::ContainerLaunchInfo* i) { i->add_clone_namespaces(1); }"),
    ],
)
def test_a_request_that_has_moved_along(release, code):
    assert warned(_0_24_1=NAMESPACES, **{release: NOTHING + code}) == {}


def test_what_was_never_asked_for_is_not_lost():
    assert warned(_0_24_1=NOTHING, _0_25_0=NOTHING) == {}
    code = "void f(mesos::slave::ContainerLaunchInfo* i) { i->add_clone_namespaces(1); }"
    assert warned(_0_24_1=NOTHING, _1_2_3=NOTHING + code) == {}


def test_every_place_of_a_succession_has_its_releases_in_order():
    for succession in TABLE.successions:
        begins = []
        for place in succession.places:
            owner, name, is_method = split(place)
            process = TABLE.interfaces[f"{owner}Process"].methods if is_method else ()
            rows = (
                [m for m in (*TABLE.interfaces[owner].methods, *process) if m.name == name]
                if is_method
                else [f for f in TABLE.messages[owner].fields if f.name == name]
            )
            begins.append(min(row.since for row in rows))
        assert begins == sorted(begins)
