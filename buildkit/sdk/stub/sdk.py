"""The stub SDK as a target sees it. Pure."""

from buildkit.files.tree import File, Tree, digest_of, under
from buildkit.patches import apply_patches
from buildkit.plan import Target
from buildkit.sdk.model import Runtime, Sdk
from buildkit.sdk.stub import digest, render

_NO_RUNTIME = Runtime(digest="none")
"""With a stub everything is inline: what the linker misses, the module lacks."""


def stub_sdk(target: Target) -> Sdk:
    """Describe the stub SDK of the target's release; its files are made only when asked for.

    Raises :class:`buildkit.errors.UsageError` for a release that there are no stubs for.
    """
    patches = [patch for patch in target.patches if patch.touches("sdk", target.release)]

    def tree() -> Tree:
        files = {f"include/{path}": File(data) for path, data in render(target.release).items()}
        return under("sdk", apply_patches(files, patches, target.release, "sdk"))

    return Sdk(
        kind="stub",
        digest=digest_of(digest(target.release), *(patch.digest for patch in patches)),
        compile_flags=("-Isdk/include",),
        link_flags=("-Wl,--no-undefined",),
        real_loader=False,
        harness_link_flags=(),
        # Described in no time; there is no work that could be repeated.
        cached=True,
        tree=tree,
        runtime=lambda *_: _NO_RUNTIME,
    )
