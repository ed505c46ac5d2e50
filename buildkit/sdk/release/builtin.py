"""The patches that come with this tool, for compilers and C libraries newer than a release."""

from functools import cache
from importlib import resources
from pathlib import Path

from buildkit.errors import UnavailableError
from buildkit.patches import Patch, load_patch


@cache
def builtin_patches() -> tuple[Patch, ...]:
    """Every rule file of ours, by name; which of its rules concern a release it says itself.

    Raises :class:`UnavailableError` if this installation is incomplete.
    """
    folder = _folder()
    return tuple(
        load_patch(path.name, folder) for path in sorted(folder.iterdir()) if path.suffix == ".toml"
    )


def _folder() -> Path:
    # A wheel has them inside the package, a checkout where its other patches are.
    installed = Path(str(resources.files("buildkit.sdk.release"))) / "patches"
    checkout = Path(str(resources.files("buildkit"))).parent / "patches" / "sdk"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise UnavailableError(f"the patches for SDKs are missing: neither {installed} nor {checkout}")
