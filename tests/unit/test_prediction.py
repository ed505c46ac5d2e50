"""Predictions of small modules: one for each kind of change, and many ways to write the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit import interfaces
from buildkit.cpp.reading import Variant
from buildkit.files.tree import read_tree
from buildkit.findings import Level
from buildkit.prediction.predict import RULES, predict, predict_files
from buildkit.prediction.verdicts import Verdict, unknown
from buildkit.releases import FINAL_RELEASES, Release

TABLE = interfaces.load()
FINE, BREAKS, DIES = Verdict.FINE, Verdict.BREAKS, Verdict.DIES

INCLUDES = "#include <mesos/mesos.hpp>\n#include <mesos/slave/isolator.hpp>\n"


def parse(*texts: str) -> list[Release]:
    return [Release.parse(text) for text in texts]


def foretell(code: str, *releases: str, macros: dict[str, str] | None = None):
    """Predict one file that all releases compile alike."""
    chosen = parse(*releases)
    text = INCLUDES + code
    variant = Variant(releases=tuple(chosen), text=text, macros=macros or {})
    return predict_files({"module.cpp": [variant]}, chosen, TABLE)


def verdicts(predictions) -> dict[str, Verdict]:
    return {str(release): one.verdict for release, one in predictions.by_release.items()}


def method(text: str, *, base: str = "mesos::slave::Isolator") -> str:
    return f"""
class Mine : public {base}
{{
public:
  {text}
}};
"""


LAUNCH = "void f(mesos::slave::ContainerLaunchInfo* info) { "
CONFIG = "void f(const mesos::slave::ContainerConfig& config) { "

CHANGES = {
    "field-renamed": (
        LAUNCH + "info->add_commands()->set_value(1); }",
        {"0.27.3": FINE, "0.28.3": FINE, "1.0.0": BREAKS, "1.11.0": BREAKS},
    ),
    "field-renamed-from-camel-case": (
        CONFIG + "config.executorinfo().command(); }",
        {"0.27.0": FINE, "0.28.3": FINE, "1.0.0": BREAKS},
    ),
    "field-comes": (
        LAUNCH + "info->add_mounts(); }",
        {"1.4.3": BREAKS, "1.5.0": FINE, "1.11.0": FINE},
    ),
    "field-goes": (
        LAUNCH + "info->mutable_in(); }",
        {"1.2.0": FINE, "1.2.1": BREAKS, "1.3.0": BREAKS},
    ),
    "field-becomes-repeated-under-another-name": (
        LAUNCH + "info->set_namespaces(1); }",
        {"1.1.3": FINE, "1.2.0": BREAKS},
    ),
    "field-of-another-type-is-the-same-in-cpp": (
        "void f(const mesos::Credential& c) { g(c.secret()); }",
        {"0.24.1": FINE, "0.24.2": FINE, "0.25.0": FINE},
    ),
    "message-comes-and-goes": (
        "mesos::slave::ContainerPrepareInfo info;",
        {"0.23.1": BREAKS, "0.24.0": FINE, "0.26.2": FINE, "0.27.0": BREAKS},
    ),
    "message-type-is-renamed": (
        "mesos::Image_AppC image;",
        {"0.24.2": FINE, "0.25.0": BREAKS},
    ),
    "struct-becomes-message": (
        "void f(const mesos::slave::ContainerState& state) { g(state.id.value()); }",
        {"0.24.0": BREAKS, "1.11.0": BREAKS},
    ),
    "struct-goes": (
        "void f(const mesos::slave::ExecutorRunState& state) { g(state.id.value()); }",
        {"0.22.0": FINE, "0.23.1": FINE, "0.24.0": BREAKS},
    ),
    "struct-is-no-message": (
        "void f(const mesos::slave::ExecutorRunState& state) { g(state.container_id().value()); }",
        {"0.23.1": BREAKS},
    ),
    "header-moves": (
        "#include <mesos/resource_provider/storage/disk_profile.hpp>\n",
        {"1.4.3": BREAKS, "1.5.0": FINE, "1.5.3": FINE, "1.6.0": BREAKS},
    ),
    "header-comes": (
        "#include <mesos/slave/containerizer.hpp>\n",
        {"1.0.4": BREAKS, "1.1.0": FINE},
    ),
    "enum-value-is-renamed": (
        "int reason = mesos::TaskStatus::REASON_MEMORY_LIMIT;",
        {"0.25.1": FINE, "0.26.0": BREAKS},
    ),
    "macro-comes": (
        "int major() { return MESOS_MAJOR_VERSION_NUM; }",
        {"0.28.2": BREAKS, "0.28.3": FINE, "1.0.1": BREAKS, "1.0.2": FINE},
    ),
    "support-comes": (
        "int f(const Option<int>& option) { return *option; }",
        {"1.7.3": BREAKS, "1.8.0": FINE},
    ),
    "list-becomes-vector-and-the-override-says-so": (
        method(
            "process::Future<Nothing> recover(const std::list<mesos::slave::ContainerState>&,"
            " const hashset<mesos::ContainerID>&) override;"
        ),
        {"1.0.0": FINE, "1.6.2": FINE, "1.7.0": BREAKS},
    ),
    "list-becomes-vector-and-the-override-does-not-say-so": (
        method(
            "virtual process::Future<Nothing> recover(\n"
            "const std::list<mesos::slave::ContainerState>& s,\n"
            "const hashset<mesos::ContainerID>& o);"
        ),
        {"1.0.0": FINE, "1.6.2": FINE, "1.7.0": DIES, "1.11.0": DIES},
    ),
    "parameter-is-added": (
        method(
            "process::Future<Nothing> update(const mesos::ContainerID&, const mesos::Resources&);"
        ),
        {"1.0.0": FINE, "1.9.0": FINE, "1.10.0": DIES},
    ),
    "method-goes": (
        method("process::Future<Option<int>> namespaces();"),
        {"1.0.0": DIES},
    ),
    "method-goes-and-the-override-says-so": (
        method("process::Future<Option<int>> namespaces() override;"),
        {"1.0.0": BREAKS},
    ),
    "pure-becomes-default": (method("int x;"), {"0.28.3": BREAKS, "1.0.0": FINE}),
    "result-changes": (
        method(
            "process::Future<Option<mesos::CommandInfo>> prepare(const mesos::ContainerID&,"
            " const mesos::slave::ContainerConfig&);"
        ),
        {"1.0.0": BREAKS},
    ),
    "facade-goes": (
        """
mesos::slave::Isolator* create(process::Owned<mesos::slave::IsolatorProcess> process) {
  return new mesos::slave::Isolator(process);
}
""",
        {"0.23.1": FINE, "0.24.0": BREAKS},
    ),
    "facade-is-no-base": (
        method("int x;"),
        {"0.23.1": BREAKS},
    ),
    "interface-changes-namespace": (
        "mesos::master::allocator::Allocator* allocator;",
        {"0.28.3": FINE, "1.0.0": BREAKS},
    ),
    "kind-comes": (
        "mesos::modules::Module<mesos::SecretResolver> m(1, 2, 3, 4, 5, 0, create);",
        {"1.3.2": BREAKS, "1.4.0": FINE},
    ),
    "kind-that-no-loader-knows": (
        "mesos::modules::Module<mesos::SecretGenerator> m(1, 2, 3, 4, 5, 0, create);",
        {"1.2.3": BREAKS, "1.3.0": FINE},
    ),
    "driver-method-comes": (
        "void f(mesos::SchedulerDriver* driver) { driver->suppressOffers(); }",
        {"0.24.2": BREAKS, "0.25.0": FINE},
    ),
}


@pytest.mark.parametrize(("code", "expected"), CHANGES.values(), ids=CHANGES)
def test_each_kind_of_change_is_predicted(code, expected):
    predictions = foretell(code, *expected)
    assert verdicts(predictions) == expected, predictions.findings
    errors = [f for f in predictions.findings if f.rule.level is Level.ERROR]
    wrong = {str(r) for f in errors for r in f.releases}
    assert wrong == {release for release, verdict in expected.items() if verdict is not FINE}


# Each sets ContainerLaunchInfo.namespaces, which 1.2.0 has no more. INFO is that message.
WAYS = {
    "local": "void f() { INFO i; i.set_namespaces(1); }",
    "reference": "void f(INFO& i) { i.set_namespaces(1); }",
    "typedef": "typedef INFO T;\nvoid f(T* i) { i->set_namespaces(1); }",
    "alias-of-alias": "using T = INFO; using U = T;\nvoid f(U* i) { i->set_namespaces(1); }",
    "using-declaration": "using INFO;\nvoid f(ContainerLaunchInfo* i) { i->set_namespaces(1); }",
    "using-directive": "using namespace mesos::slave;\n"
    "void f(ContainerLaunchInfo* i) { i->set_namespaces(1); }",
    "using-directive-in-a-namespace": "namespace mesos { using namespace slave; }\n"
    "using namespace mesos;\nvoid f(ContainerLaunchInfo* i) { i->set_namespaces(1); }",
    "namespace-alias": "namespace ms = mesos::slave;\n"
    "void f(ms::ContainerLaunchInfo* i) { i->set_namespaces(1); }",
    "inside-the-namespace": "namespace mesos { namespace slave {\n"
    "void f(ContainerLaunchInfo* i) { i->set_namespaces(1); } } }",
    "partly-qualified": "namespace mesos {\n"
    "void f(slave::ContainerLaunchInfo* i) { i->set_namespaces(1); } }",
    "global": "void f(::INFO* i) { i->set_namespaces(1); }",
    "auto-of-a-function": "INFO g();\nvoid f() { auto i = g(); i.set_namespaces(1); }",
    "chain": "INFO* g();\nvoid f() { g()->set_namespaces(1); }",
    "new": "void f() { auto* i = new INFO(); i->set_namespaces(1); }",
    "member": "struct S { INFO i;\nvoid f() { i.set_namespaces(1); } };",
    "member-of-a-base": "struct B { INFO i; };\n"
    "struct S : B { void f() { this->i.set_namespaces(1); } };",
    "method-defined-outside": "struct S { INFO i; void f(); };\n"
    "void S::f() { i.set_namespaces(1); }",
    "option": "void f(Option<INFO> i) { i.get().set_namespaces(1); }",
    "future-of-option": "void f(const process::Future<Option<INFO>>& i)"
    " { i.get().get().set_namespaces(1); }",
    "owned": "void f(process::Owned<INFO> i) { i->set_namespaces(1); }",
    "element": "void f(std::vector<INFO>& v) { v[0].set_namespaces(1); }",
    "map": 'void f(hashmap<std::string, INFO>& m) { m["a"].set_namespaces(1); }',
    "range-for": "void f(std::list<INFO>& l) { for (auto& i : l) { i.set_namespaces(1); } }",
    "iterator": "void f(std::list<INFO>& l)"
    " { for (auto i = l.begin(); i != l.end(); ++i) { i->set_namespaces(1); } }",
    "foreach": "void f(std::list<INFO>& l) { foreach (INFO& i, l) { i.set_namespaces(1); } }",
    "foreachvalue": "void f(hashmap<int, INFO>& m)"
    " { foreachvalue (auto& i, m) { i.set_namespaces(1); } }",
    "lambda": "void f() { g([](INFO& i) { i.set_namespaces(1); }); }",
    "moved": "void f(INFO i) { std::move(i).set_namespaces(1); }",
    "if": "void f(INFO* p) { if (auto* i = p) { i->set_namespaces(1); } }",
    "cast": "void f(void* p) { static_cast<INFO*>(p)->set_namespaces(1); }",
    "conditional": "void f(bool b, INFO* p) { (b ? p : p)->set_namespaces(1); }",
    "template": "template <typename T> void f(T t, INFO* i) { i->set_namespaces(1); }",
}


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_a_use_is_found_however_it_is_written(code):
    code = re.sub(r"\bINFO\b", "mesos::slave::ContainerLaunchInfo", code)
    predictions = foretell(code, "1.1.3", "1.2.0")
    assert verdicts(predictions) == {"1.1.3": FINE, "1.2.0": BREAKS}, predictions.findings


def test_a_macro_that_stands_for_a_type_is_followed():
    code = "void f(INFO* i) { i->set_namespaces(1); }"
    macros = {"INFO": "mesos::slave::ContainerLaunchInfo"}
    assert verdicts(foretell(code, "1.2.0", macros=macros)) == {"1.2.0": BREAKS}


def test_a_base_class_is_found_through_macro_typedef_and_namespace():
    code = """
namespace mesos { namespace slave {
typedef BASE Base;
class Middle : public Base {};
class Mine : public Middle {
  virtual process::Future<Nothing> update(const ContainerID& id, const Resources& resources);
};
} }
"""
    predictions = foretell(code, "1.9.0", "1.10.0", macros={"BASE": "Isolator"})
    assert verdicts(predictions) == {"1.9.0": FINE, "1.10.0": DIES}
    [finding] = predictions.findings
    assert finding.rule.name == "silent-override"
    assert "google::protobuf::Map<std::string, Value::Scalar>& resourceLimits" in finding.message
    assert "#if MESOS_VERSION_AT_LEAST(1, 10, 0)" in finding.advice
    assert finding.place.line == INCLUDES.count("\n") + 6


# None of these is anything to complain of.
HARMLESS = {
    "unknown-type": "void f(Strange& s) { s.set_namespaces(1); s.add_commands(); }",
    "own-message": "struct Own { void set_namespaces(int); };\n"
    "void f(Own& o) { o.set_namespaces(1); }",
    "own-type-of-that-name": "namespace mine { struct ContainerPrepareInfo {};\n"
    "ContainerPrepareInfo info; }",
    "name-that-a-strange-namespace-may-have": "using namespace strange;\n"
    "using namespace mesos::slave;\nvoid f(ContainerPrepareInfo* info);",
    "unknown-receiver": "void f() { auto i = elsewhere(); i.set_namespaces(1); }",
    "plain-getter-of-unknown-receiver": "void f() { auto i = elsewhere(); i.namespaces(); }",
    "unknown-method-of-a-message": LAUNCH + "info->CopyFrom(*info); info->Whatever(); }",
    "helper-beside-the-override": method(
        "process::Future<Nothing> update(const mesos::ContainerID&, const mesos::Resources&,\n"
        " const google::protobuf::Map<std::string, mesos::Value::Scalar>&) override;\n"
        "  void update(int);"
    ),
    "covered-by-a-template": "template <typename T> class Mine : public T {\n"
    "  virtual void namespaces(); };",
    "parameter-of-unknown-type": method(
        "process::Future<Nothing> cleanup(const Strange& id) override;"
    ),
    "const-by-value": method(
        "process::Future<Nothing> isolate(const mesos::ContainerID& id, const pid_t pid) override;"
    ),
    "static-of-that-name": method("static void namespaces();"),
    "enum-value-that-is-a-macros-argument": "using namespace mesos::slave;\n"
    "void f() { LOG(DEBUG) << 1; }",
    "macro-function": "void f() { CHECK_SOME(x); REASON(); }",
    "message-with-its-own-methods": "void f(const mesos::Environment& e)"
    " { e.SerializeAsString(); e.variables_size(); }",
    "no-cpp-at all": "%% this is { not C++ ((",
    "empty": "",
}


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_nothing_is_said_of_what_is_not_known(code):
    releases = ("1.10.0", "1.11.0")
    predictions = foretell(code, *releases)
    assert predictions.findings == ()
    assert verdicts(predictions) == dict.fromkeys(releases, FINE)


def test_what_a_header_may_supply_is_not_missed():
    """A stand-in for what old releases lack is declared for them alone, and used by all."""
    code = "namespace {0} {{ int {1}(int); }}\nusing namespace process;\nint f() {{ return g(1); }}"
    old, new = parse("0.22.0"), parse("1.0.0")
    for namespace, others in (("process", "g"), ("process", "h")):
        files = {
            "module.cpp": [
                Variant(
                    releases=tuple(old), text=INCLUDES + code.format("process", "g"), macros={}
                ),
                Variant(
                    releases=tuple(new), text=INCLUDES + code.format(namespace, others), macros={}
                ),
            ]
        }
        assert predict_files(files, [*old, *new], TABLE).findings == ()


@pytest.mark.parametrize(
    ("other", "warned"),
    [("info->add_pre_exec_commands();", False), ("", True)],
)
def test_a_misplaced_guard_is_one_that_leaves_something_unused(other, warned):
    """From 1.0.0 on there is add_pre_exec_commands(); the guard is at 1.1.0."""
    releases = parse("0.28.3", "1.0.4", "1.1.0") if other == "" else parse("1.0.4", "1.1.0")
    late = Variant(
        releases=tuple(releases[:-1]), text=f"{INCLUDES}{LAUNCH}\n\n{other}\n}}\n", macros={}
    )
    new = Variant(
        releases=tuple(releases[-1:]),
        text=f"{INCLUDES}{LAUNCH}\ninfo->add_pre_exec_commands();\n\n}}\n",
        macros={},
    )
    found = predict_files({"a.cpp": [late, new]}, releases, TABLE).findings
    warnings = [f for f in found if f.rule.name == "misplaced-guard"]
    assert bool(warnings) == warned
    for warning in warnings:
        assert [str(release) for release in warning.releases] == ["1.0.4"]
        assert warning.advice == "write #if MESOS_VERSION_AT_LEAST(1, 0, 0)"


def test_a_message_of_the_modules_own_is_none_of_mesos():
    code = "namespace mesos { namespace slave { namespace mine {\n"
    code += "void f(ContainerLaunchInfo* info) { info->set_namespaces(1); }\n} } }\n"
    proto = (
        "package mesos.slave.mine; message %s { message Inner {} optional int32 namespaces = 1; }"
    )
    releases = parse("1.2.0")
    files = {"a.cpp": [Variant(releases=tuple(releases), text=INCLUDES + code, macros={})]}
    for name, verdict in (("ContainerLaunchInfo", FINE), ("Other", BREAKS)):
        predictions = predict_files(files, releases, TABLE, protos={"a.proto": proto % name})
        assert verdicts(predictions) == {"1.2.0": verdict}


def test_a_name_means_what_the_release_has():
    """0.21 has an Isolator in an inner namespace, which hides nothing from 0.22 on."""
    code = """
using mesos::slave::Isolator;
namespace mesos { namespace internal { namespace slave {
Isolator* create() { return NULL; }
} } }
"""
    assert verdicts(foretell(code, "0.22.0", "1.11.0")) == {"0.22.0": FINE, "1.11.0": FINE}


def test_guards_that_belong_together_must_agree():
    header = INCLUDES + "class Mine { void f(%s); };\n"
    source = "void Mine::f(int) {}\n"
    old, new = parse("1.0.0"), parse("1.1.0")
    files = {
        "mine.hpp": [
            Variant(releases=tuple(old), text=header % "int", macros={}),
            Variant(releases=tuple(new), text=header % "int, int", macros={}),
        ],
        "mine.cpp": [
            Variant(releases=(*old, *new), text=f'#include "mine.hpp"\n{source}', macros={})
        ],
    }
    predictions = predict_files(files, [*old, *new], TABLE)
    assert verdicts(predictions) == {"1.0.0": FINE, "1.1.0": BREAKS}
    assert {f.rule.name for f in predictions.findings} == {"contradictory-guards"}
    assert {f.place.path for f in predictions.findings} == {"mine.cpp"}


def test_equal_fingerprints_are_for_what_the_module_cannot_tell_apart():
    releases = ("1.4.3", "1.5.0", "1.6.2", "1.7.0", "1.7.3", "1.8.0", "1.9.0", "1.11.0")
    predictions = foretell(LAUNCH + "info->add_mounts(); }", *releases)
    prints = {str(release): one for release, one in predictions.fingerprints.items()}
    assert prints["1.4.3"] != prints["1.5.0"]
    assert prints["1.5.0"] == prints["1.6.2"]
    # The header that it includes brings <vector> instead of <list>.
    assert prints["1.6.2"] != prints["1.7.0"]
    assert prints["1.7.0"] == prints["1.7.3"]
    # Other fields of a message that it uses: they may matter to what comes of it.
    assert prints["1.7.3"] != prints["1.8.0"]
    assert prints["1.8.0"] != prints["1.9.0"]
    assert prints["1.9.0"] == prints["1.11.0"]


def test_a_fingerprint_changes_with_what_the_interface_says_but_not_with_what_it_does():
    code = method("process::Future<Nothing> cleanup(const mesos::ContainerID&) override;")
    releases = [str(r) for r in FINAL_RELEASES if r >= Release(0, 24, 0)]
    prints = foretell(code, *releases).fingerprints
    begins = [
        str(after)
        for before, after in zip(parse(*releases), parse(*releases)[1:], strict=False)
        if prints[before] != prints[after]
    ]
    # The generations of the isolator's interface.
    assert begins == ["0.25.0", "0.27.0", "0.28.0", "1.0.0", "1.1.0", "1.5.0", "1.7.0", "1.10.0"]


def test_a_module_of_a_matrix_is_predicted_with_its_guards(project):
    project.set_releases("1.1.3", "1.2.3", "1.11.0")
    (project.root / "src" / "volume.cpp").write_text(
        INCLUDES
        + LAUNCH
        + """
#if MESOS_VERSION_AT_LEAST(1, 2, 0)
  info->add_clone_namespaces(1);
#else
  info->set_namespaces(1);
#endif
}
"""
    )
    matrix = project.matrix()
    [module] = matrix.file.module
    module = module.model_copy(update={"source": "."})
    tree = read_tree(project.root)
    found = predict(matrix, module, tree, matrix.releases, TABLE)
    assert set(verdicts(found).values()) == {FINE}
    assert found.findings == ()


def test_a_release_beyond_the_table_is_not_predicted(project):
    matrix = project.matrix()
    strange = Release(1, 63, 0)
    found = predict(matrix, matrix.file.module[0], {}, [strange], TABLE)
    assert found.of(strange).verdict is Verdict.UNKNOWN
    assert found.of(strange).builds is None


def test_what_is_unknown_has_its_reason():
    found = unknown(parse("1.0.0"), "no sources")
    assert str(found.of(Release(1, 0, 0))) == "not predicted: no sources"
    assert found.of(Release(1, 1, 0)).verdict is Verdict.UNKNOWN


def test_rules_are_told_apart():
    assert len({rule.name for rule in RULES}) == len(RULES)


FRAGMENTS = (
    *("class", "X", "mesos::slave::Isolator", ":", "{", "}", "(", ")", ";", "<", ">", "*", "&"),
    *(
        "virtual",
        "override",
        "=",
        "0",
        "typedef",
        "using",
        "namespace",
        "a",
        ".set_namespaces",
        ",",
    ),
    *("foreach", "template", "#include <x>", "\n", "auto", "return", "::", "[", "]", '"', "const"),
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40))
def test_no_text_is_too_strange(words):
    foretell(" ".join(words), "1.2.0")
