"""The shipped policy: what it allows, and what it must not take for a second copy."""

import re
from fnmatch import translate

import pytest

from buildkit.smoke.dwarf import shortened
from buildkit.smoke.policy import InspectPolicy, matches_any, shipped


def twin_of(symbol: str) -> str | None:
    for twin in shipped().twin_code:
        if any(re.match(translate(pattern), symbol) for pattern in twin.patterns):
            return twin.name
    return None


@pytest.mark.parametrize(
    "library",
    ["libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"],
)
def test_the_run_time_is_allowed(library: str) -> None:
    assert matches_any(library, shipped().system_libraries)


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("libprotobuf.so.8", "protobuf"),
        ("libprotobuf-lite.so.32", "protobuf"),
        ("libglog.so.0", "glog"),
        ("libmesos-0.24.1.so", "libmesos"),
        ("libmesos.so", "libmesos"),
    ],
)
def test_a_twin_is_known_and_not_allowed(library: str, name: str) -> None:
    assert not matches_any(library, shipped().system_libraries)
    twins = [twin.name for twin in shipped().twin_libraries if matches_any(library, twin.patterns)]
    assert twins == [name]


@pytest.mark.parametrize(
    ("symbol", "twin"),
    [
        ("_ZN6google8protobuf14DescriptorPool14generated_poolEv", "protobuf"),
        ("_ZN6google8protobuf11MessageLite14ParseFromArrayEPKvi", "protobuf"),
        ("_ZN6google10LogMessage9SendToLogEv", "glog"),
        ("_ZN6google17InitGoogleLoggingEPKc", "glog"),
        ("_ZN5mesos39protobuf_AddDesc_mesos_2fmesos_2eprotoEv", "Mesos's generated messages"),
        # What headers define, so that every module has it.
        ("_ZN6google8protobuf8internal18RepeatedPtrFieldBaseD2Ev", None),
        ("_ZNK6google8protobuf16RepeatedPtrFieldIN5mesos8ResourceEE4sizeEv", None),
        ("_ZN6google10LogMessageC1EPKci", None),
        ("_ZN5mesos9Resources3addERKS0_", None),
    ],
)
def test_only_out_of_line_code_counts_as_a_second_copy(symbol: str, twin: str | None) -> None:
    assert twin_of(symbol) == twin


def test_a_target_starts_from_the_shipped_policy() -> None:
    policy = InspectPolicy(descriptors=frozenset({"x"}))
    assert policy.system_libraries == shipped().system_libraries
    assert policy.twin_code == shipped().twin_code
    assert policy.floor is None
    assert policy.cxx11_abi is None


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("std::__cxx11::list<A, std::allocator<A> >", "std::list<A>"),
        ("vector<list<A, std::allocator<A> >, std::allocator<list<A, std::allocator<A> > > >",
         "vector<list<A>>"),
        ("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
         "std::string"),
        ("hashset<A, std::hash<A>, std::equal_to<A> >", "hashset<A>"),
        ("mesos::slave::ContainerState", "mesos::slave::ContainerState"),
        ("broken<A, std::allocator<", "broken<A, std::allocator<"),
    ],
)  # fmt: skip
def test_type_names_are_shown_as_written(name: str, short: str) -> None:
    assert shortened(name) == short
