"""Docker's names of CPU architectures, beside the kernel's and Debian's."""

import platform
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One CPU architecture by its three names."""

    docker: str
    kernel: str
    debian: str


ARCHITECTURES = (
    Architecture(docker="amd64", kernel="x86_64", debian="amd64"),
    Architecture(docker="arm64", kernel="aarch64", debian="arm64"),
    Architecture(docker="arm", kernel="armv7l", debian="armhf"),
    Architecture(docker="386", kernel="i686", debian="i386"),
    Architecture(docker="ppc64le", kernel="ppc64le", debian="ppc64el"),
    Architecture(docker="s390x", kernel="s390x", debian="s390x"),
    Architecture(docker="riscv64", kernel="riscv64", debian="riscv64"),
)


def this_architecture() -> str:
    """Docker's name for this machine's architecture; the kernel's for one that is not listed."""
    kernel = platform.machine()
    return next((one.docker for one in ARCHITECTURES if one.kernel == kernel), kernel)


def debian_architecture(docker: str) -> str:
    """Debian's name for what Docker calls ``docker``; the same for one that is not listed."""
    return next((one.debian for one in ARCHITECTURES if one.docker == docker), docker)
