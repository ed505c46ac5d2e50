"""A module that runs processes of its own needs libprocess to be loaded; others don't."""

import pytest

from buildkit.releases import Release
from buildkit.sdk.release.libprocess import needs_libprocess


@pytest.mark.parametrize(
    ("symbol", "needed"),
    [
        ("_ZN7process5LatchC1Ev", True),  # process::Latch::Latch()
        ("_ZNK7process11ProcessBase4selfEv", True),  # process::ProcessBase::self() const
        ("_ZN7process5spawnEPNS_11ProcessBaseEb", True),  # process::spawn(...)
        ("_ZTVN7process11ProcessBaseE", True),  # its vtable
        ("_ZTIN7process11ProcessBaseE", True),
        ("_ZN7processlsERSoRKNS_4UPIDE", True),  # process::operator<<(ostream&, UPID)
        ("_ZN5mesos9Resources5parseERKSs", False),
        # Something of Mesos that takes a future is Mesos's.
        ("_ZN5mesos5slave8Isolator7recoverERKN7process6FutureIiEE", False),
        ("_ZN6google10LogMessageC1EPKci", False),
    ],
)
def test_the_symbols_say_it(symbol, needed):
    assert needs_libprocess(Release(1, 2, 3), {"malloc", symbol}) == needed


def test_mesos_0_23_always_needs_it():
    assert needs_libprocess(Release(0, 23, 1), ())
    assert not needs_libprocess(Release(0, 24, 0), ())
