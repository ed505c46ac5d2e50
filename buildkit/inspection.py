"""Smoke level ``inspect`` for one target: what the library's file alone can tell."""

import json
from pathlib import Path

from buildkit import interfaces
from buildkit.plan import Target
from buildkit.releases import Release
from buildkit.smoke.checks import Check
from buildkit.smoke.elf import inspect_library
from buildkit.smoke.overrides import Interface, find_dead_overrides, override_checks
from buildkit.smoke.policy import InspectPolicy

_MACHINES = {"amd64": "EM_X86_64", "arm64": "EM_AARCH64"}


def inspect_target(
    target: Target, library: Path, debug: Path, provided: frozenset[str]
) -> list[Check]:
    """Look at the ELF file, and for methods that override nothing in this release.

    ``provided`` are the symbols that the SDK's runtime has for the module.
    """
    checks = inspect_library(library, debug, policy_for(target, provided))
    checks += override_checks(find_dead_overrides(library, debug, _interface(target.release)))
    return checks


def policy_for(target: Target, provided: frozenset[str]) -> InspectPolicy:
    """What the target's library must look like."""
    return InspectPolicy(
        descriptors=frozenset({target.module.symbol}),
        soname=target.library,
        machine=_MACHINES[target.platform.architecture],
        provided=provided,
        floor=target.platform.floor,
        cxx11_abi=target.platform.cxx11_abi,
    )


def demands(target: Target) -> str:
    """What a platform demands of a library beyond what shaped it, as JSON.

    A result of ``inspect`` holds for this only.
    """
    floor = target.platform.floor
    return json.dumps(
        {
            "floor": None if floor is None else floor.limits,
            "cxx11_abi": target.platform.cxx11_abi,
        },
        sort_keys=True,
    )


def _interface(release: Release) -> Interface:
    table = interfaces.load()
    base = table.isolator_base(release)
    names = table.method_names("Isolator")
    return Interface(
        release=str(release),
        base_class=f"{base.location.namespace}::{base.location.name}",
        methods=frozenset(names),
        true_signatures={method.name: method.declaration for method in base.methods},
        lifetimes={name: table.lifetime("Isolator", name) for name in names},
    )
