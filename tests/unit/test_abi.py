"""Versions, floors and the forms of std::string, without a library."""

import itertools

import pytest
from pydantic import ValidationError

from buildkit.inspection import demands, policy_for
from buildkit.matrix import Platform
from buildkit.plan import STANDARD_FLAGS
from buildkit.smoke import abi
from buildkit.smoke.abi import AbiFacts, Floor, StringUse, named_floor, shipped
from buildkit.smoke.mangled import string_abis

NEW = "_ZN3foo3barERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
OLD = "_ZN3foo3barERKSs"
OLD_ABI = "-D_GLIBCXX_USE_CXX11_ABI=0"


def needs(*labels: str, **symbols: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {**dict.fromkeys(labels, ()), **symbols}


def above(floor: Floor, wanted: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {limit: text for limit, text in abi.above_floor(wanted, floor).items() if text}


# --- versions


@pytest.mark.parametrize(
    ("labels", "key", "newest"),
    [
        (["GLIBC_2.9", "GLIBC_2.10"], "glibc", "2.10"),
        (["GLIBC_2.2.5", "GLIBC_2.14", "GLIBC_2.4"], "glibc", "2.14"),
        (["GLIBC_2.2.5", "GLIBC_2.2"], "glibc", "2.2.5"),
        (["GLIBCXX_3.4", "GLIBCXX_3.4.9", "GLIBCXX_3.4.21"], "glibcxx", "3.4.21"),
        (["CXXABI_1.3", "CXXABI_1.3.9", "CXXABI_1.3.13"], "cxxabi", "1.3.13"),
        (["GCC_3.0", "GCC_12.0.0", "GCC_7.0.0"], "gcc", "12.0.0"),
        # Words: what they came with.
        (["GLIBC_2.14", "GLIBC_ABI_DT_RELR"], "glibc", "2.36"),
        (["CXXABI_1.3", "CXXABI_FLOAT128"], "cxxabi", "1.3.9"),
        # Of no known age, of no namespace of ours, of no number that anyone could mean.
        (["GLIBC_2.14", "GLIBC_PRIVATE"], "glibc", "2.14"),
        (["GLIBC_2.14", "OPENSSL_3.0.0", "XGLIBC_9.9", "GLIBC_9.9x"], "glibc", "2.14"),
        (["GLIBC_2.14", f"GLIBC_{'9' * 5000}"], "glibc", "2.14"),
        (["GLIBC_2.14"], "glibcxx", None),
    ],
)
def test_the_newest_version_is_found_by_number(labels, key, newest):
    for order in itertools.permutations(labels):
        assert getattr(abi.abi_facts(needs(*order), StringUse()), key) == newest


def test_facts_read_as_a_list_of_what_is_needed():
    facts = AbiFacts(glibc="2.34", glibcxx="3.4.30", std_string="cxx11")
    assert str(facts) == "GLIBC 2.34, GLIBCXX 3.4.30, std::string cxx11"
    assert str(AbiFacts()) == "std::string none"


@pytest.mark.parametrize(
    ("limit", "label", "red"),
    [
        ("2.9", "GLIBC_2.10", True),
        ("2.10", "GLIBC_2.9", False),
        ("2.10", "GLIBC_2.10", False),
        ("2.10", "GLIBC_2.10.1", True),
        ("2.10", "GLIBC_2.10.0", False),
        ("2.35", "GLIBC_ABI_DT_RELR", True),
        ("2.36", "GLIBC_ABI_DT_RELR", False),
        ("2.10", "GLIBCXX_9.9", False),
    ],
)
def test_a_limit_includes_itself(limit, label, red):
    assert bool(above(Floor(glibc=limit), needs(label))) is red


def test_what_is_above_the_floor_is_named_with_its_symbols_newest_first():
    found = above(
        named_floor("debian11"),
        needs(
            **{
                "GLIBC_2.9": ("old_one",),
                "GLIBC_2.34": ("pthread_create",),
                "GLIBC_2.36": ("e", "d", "c", "b", "arc4random"),
                "GLIBCXX_3.4.29": ("_ZSt10from_chars",),
                "CXXABI_1.3.12": ("at_the_limit",),
            }
        ),
    )
    assert list(found) == ["GLIBC_2.31", "GLIBCXX_3.4.28"]
    text = found["GLIBC_2.31"]
    assert "GLIBC_2.36 (arc4random, b, c, d and 1 more), GLIBC_2.34 (pthread_create)" in text
    assert "the floor debian11 ends at GLIBC_2.31" in text
    assert "base" in text
    assert "old_one" not in text
    assert "_ZSt10from_chars" in found["GLIBCXX_3.4.28"]


def test_what_is_left_out_of_a_floor_is_not_limited():
    assert abi.above_floor(needs("GLIBCXX_9.9", "GLIBC_9.9"), Floor(glibc="9.9")) == {
        "GLIBC_9.9": ""
    }


def test_a_word_of_unknown_age_is_above_every_floor_of_its_namespace():
    wanted = needs("GLIBC_ABI_NEWS", "CXXABI_LDBL_1.3", "OTHER_WORD")
    found = above(named_floor("debian13"), wanted)
    assert list(found) == ["GLIBC_2.41", "CXXABI_1.3.15"]
    assert "GLIBC_ABI_NEWS" in found["GLIBC_2.41"]


def test_packed_relocations_alone_are_advised_on():
    found = above(named_floor("debian11"), needs("GLIBC_ABI_DT_RELR"))
    assert "nopack-relative-relocs" in found["GLIBC_2.31"]


def test_the_missing_std_string_of_an_old_libstdcxx_is_advised_on():
    wanted = needs(**{"GLIBCXX_3.4.21": (NEW,)})
    assert "cxx11_abi = false" in above(named_floor("ubuntu1404"), wanted)["GLIBCXX_3.4.19"]
    other = needs(**{"GLIBCXX_3.4.21": ("_ZNSt6other",)})
    assert "cxx11_abi" not in above(named_floor("ubuntu1404"), other)["GLIBCXX_3.4.19"]


def test_private_labels_are_wrong_with_or_without_a_floor():
    wanted = needs("GLIBC_2.14", GLIBC_PRIVATE=("__libc_secret",))
    assert "GLIBC_PRIVATE (__libc_secret)" in abi.private_needs(wanted)
    assert abi.private_needs(needs("GLIBC_2.14")) == ""
    # Said once.
    assert above(named_floor("debian11"), wanted) == {}


# --- the data


FLOORS = shipped().floors
FAMILIES = [
    ["centos6", "rhel7", "rhel8", "rhel9", "rhel10"],
    ["debian8", "debian9", "debian10", "debian11", "debian12", "debian13"],
    ["ubuntu1404", "ubuntu1604", "ubuntu1804", "ubuntu2004", "ubuntu2204", "ubuntu2404"],
]
# Labels of the same release of libstdc++, as gcc's ABI page pairs them.
PAIRS = {
    "3.4.13": "1.3.3", "3.4.19": "1.3.7", "3.4.20": "1.3.8", "3.4.21": "1.3.9", "3.4.22": "1.3.10",
    "3.4.25": "1.3.11", "3.4.28": "1.3.12", "3.4.29": "1.3.13", "3.4.30": "1.3.13",
    "3.4.33": "1.3.15",
}  # fmt: skip


def test_every_floor_limits_everything():
    assert FLOORS
    for name, floor in FLOORS.items():
        assert all(floor.limits.values()), name


@pytest.mark.parametrize("family", FAMILIES)
def test_a_later_release_of_a_distribution_has_no_less(family):
    for older, newer in itertools.pairwise(family):
        has = {
            f"{namespace}_{number}": () for namespace, number in named_floor(older).limits.items()
        }
        assert above(named_floor(newer), has) == {}, (older, newer)
        gained = {
            f"{namespace}_{number}": () for namespace, number in named_floor(newer).limits.items()
        }
        assert above(named_floor(older), gained), (older, newer)


def test_the_families_have_every_floor():
    assert {name for family in FAMILIES for name in family} | {"centos7"} == set(FLOORS)
    assert FLOORS["centos7"].limits == FLOORS["rhel7"].limits


def test_the_labels_of_one_libstdcxx_go_together():
    for name, floor in FLOORS.items():
        assert PAIRS[floor.glibcxx] == floor.cxxabi, name


def test_words_have_a_number_of_their_own_namespace():
    assert "GLIBC_ABI_DT_RELR" in shipped().since
    for word, label in shipped().since.items():
        assert label.partition("_")[0] == word.partition("_")[0]
        assert above(Floor(**{label.partition("_")[0].lower(): "0.1"}), needs(label))


def test_an_unknown_floor_says_what_there_is():
    with pytest.raises(ValueError, match="did you mean 'debian11'"):
        named_floor("debain11")
    with pytest.raises(ValueError, match=r"there are centos6, .*ubuntu2404"):
        named_floor("zzz")


def test_a_floor_without_limits_is_none():
    with pytest.raises(ValidationError, match="glibc, glibcxx"):
        Floor()


# --- std::string


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (OLD, {"old"}),
        (NEW, {"cxx11"}),
        ("_ZNSs4_Rep20_S_empty_rep_storageE", {"old"}),
        ("_ZNKSs4findEPKcmm", {"old"}),
        ("_ZN3foo3getB5cxx11Ev", {"cxx11"}),
        ("_ZSt16__throw_bad_castv", set()),
        ("_ZN3fooIwE3barESbIwSt11char_traitsIwESaIwEE", {"old"}),
        ("_ZN3foo3barElSs", {"old"}),
        ("_ZN3foo3barEiiSs.constprop.0", {"old"}),
        ("_ZNSt4listIiSaIiEE5clearEv", {"old"}),
        ("_ZNSt7__cxx114listIiSaIiEE5clearEv", {"cxx11"}),
        ("_ZNSt19basic_ostringstreamIcSt11char_traitsIcESaIcEEC1Ev", {"old"}),
        ("_ZN3foo3barERKSsRKNSt7__cxx114listIiSaIiEEE", {"cxx11", "old"}),
        # Letters of identifiers.
        ("_ZN7ClassSs3barEv", set()),
        ("_ZN9GlassSsizC1Ev", set()),
        ("_ZN3foo8hasSslOnEv", set()),
        ("_ZN3foo10St4listingEv", set()),
        ("_ZN3foo13__cxx11_aliasEv", set()),
        ("_ZN3foo5cxx11Ev", set()),
        ("_ZN4mine4listIiE5clearEv", set()),
        ("MSsize", set()),
        # Numbers that are no identifier's length.
        ("_ZN3fooILi4EE3barESs", {"old"}),
        ("_ZN3fooC2ERKSs", {"old"}),
        ("_ZN3fooD0Ev", set()),
        ("_ZN3fooILN3bar4kindE2EE3useERKSs", {"old"}),
        ("_ZZN3foo3barEvENKUlvE3_clESs", {"old"}),
        ("_ZZ3foovE1x_2", set()),
        ("_ZThn16_N3foo3barERKSs", {"old"}),
        ("_ZTSs", set()),
        # Cut off, or absurd.
        ("_ZN99Ss", set()),
        (f"_ZN{'9' * 5000}Ss", set()),
        ("_Z", set()),
    ],
)  # fmt: skip
def test_a_name_tells_which_std_string_it_mentions(name, found):
    assert string_abis(name) == found


@pytest.mark.parametrize(
    ("undefined", "defined", "expected"),
    [
        ([], [], "none"),
        ([NEW], [], "cxx11"),
        ([], [OLD], "old"),
        ([OLD], [NEW], "both"),
        # libstdc++.a has both forms of itself, whatever the module uses.
        ([NEW], ["_ZNSs6appendEPKcm", "_ZNKSt13runtime_error4whatB5cxx11Ev"], "cxx11"),
        ([], ["_ZNSs6appendEPKcm", "_ZTVNSt7__cxx1115basic_stringbufIcEE"], "none"),
        ([], ["_ZZNSs4_Rep5emptyEvE1x", "_ZN9__gnu_cxx6helperERKSs"], "none"),
        ([], ["_ZGTtNSt11logic_errorC1ERKSs", "_ZGTtNSt11logic_errorC1ERKSs.cold"], "none"),
        (["_ZNSs6appendEPKcm"], [], "old"),
    ],
)
def test_a_librarys_std_string_is_that_of_its_own_symbols(undefined, defined, expected):
    assert abi.string_use(undefined, defined).abi == expected


def test_a_std_string_that_is_not_the_platforms_is_named():
    old, new = StringUse(old=(OLD,)), StringUse(cxx11=(NEW,))
    assert abi.wrong_string(old, cxx11_abi=False) == ""
    assert abi.wrong_string(new, cxx11_abi=True) == ""
    assert abi.wrong_string(StringUse(), cxx11_abi=True) == ""
    assert abi.wrong_string(StringUse(), cxx11_abi=False) == ""
    assert OLD in abi.wrong_string(old, cxx11_abi=True)
    assert "cxx11_abi = false" in abi.wrong_string(old, cxx11_abi=True)
    assert NEW in abi.wrong_string(new, cxx11_abi=False)
    assert OLD_ABI in abi.wrong_string(new, cxx11_abi=False)
    both = StringUse(old=(OLD,), cxx11=(NEW,))
    assert abi.wrong_string(both, cxx11_abi=True)
    assert abi.wrong_string(both, cxx11_abi=False)


# --- from the matrix file to the compiler and to inspect


def platform(**keys: object) -> Platform:
    return Platform.model_validate({"name": "agents", "base": "image", **keys})


def test_a_platform_limits_nothing_unless_told():
    assert platform().floor is None
    assert platform().cxx11_abi is True


def test_a_floor_is_given_by_name_or_by_numbers():
    named = platform(floor="debian11").floor
    numbers = platform(floor={"glibc": "2.31", "glibcxx": "3.4.28", "cxxabi": "1.3.12"}).floor
    assert named == named_floor("debian11")
    assert "debian11" in str(named)
    assert numbers.limits == named.limits | {"GCC": None}
    assert "floor" in str(numbers)


PLATFORM = '[[platform]]\nname = "agents"\nbase = "image"\n'


@pytest.mark.parametrize("cxx11", [True, False])
def test_everything_is_compiled_for_the_platforms_std_string(project, cxx11):
    project.add(f'{PLATFORM}flags = ["-DP"]\ncxx11_abi = {str(cxx11).lower()}\n')
    target = project.target()
    expected = () if cxx11 else (OLD_ABI,)
    assert target.harness_flags == (*expected, "-DP")
    assert target.flags == (*STANDARD_FLAGS, *expected, "-DP")
    assert target.platform.cxx11_abi is cxx11


def test_inspect_is_told_of_the_platform(project):
    project.add(f'{PLATFORM}cxx11_abi = false\nfloor = "debian11"\n')
    policy = policy_for(project.target(), frozenset())
    assert policy.floor == named_floor("debian11")
    assert policy.cxx11_abi is False


def test_a_result_of_inspect_holds_for_one_floor_and_std_string(project):
    texts = ("", 'floor = "debian11"\n', 'floor = "debian12"\n', "cxx11_abi = false\n")
    found = []
    for text in texts:
        project.write(project.path.read_text().partition("[[platform]]")[0] + PLATFORM + text)
        found.append(demands(project.target()))
    assert len(set(found)) == len(texts)
    assert found[-1] == demands(project.target())
