"""The fewest targets that stand for all of a plan's. Pure.

Where a module meets the same on two releases (the fingerprints of its prediction are equal), and
the matrix file asks for the same, one build tells of both. A library still loads into one release
only: this is for trying a change, not for shipping.
"""

from collections.abc import Hashable, Iterable
from dataclasses import replace

from buildkit.plan import Plan, Target
from buildkit.prediction.forecast import Forecast
from buildkit.releases import Release


def represent(plan: Plan, forecast: Forecast) -> Plan:
    """The plan with only the newest target of each group of interchangeable ones.

    Those that are skipped stay as they are, and so does what nothing is known of.
    """
    groups: dict[Hashable, list[Target]] = {}
    for target in plan.targets:
        groups.setdefault(_group(target, forecast), []).append(target)
    newest = {
        max(group, key=lambda target: target.release).name: group for group in groups.values()
    }
    chosen = tuple(
        replace(target, stands_for=_others(target, newest[target.name]))
        for target in plan.targets
        if target.name in newest
    )
    note = f"representative: {len(chosen)} of {len(plan.targets)} targets stand for all"
    return replace(
        plan,
        targets=chosen,
        notes=(*plan.notes, note),
        warnings=(*plan.warnings, *_not_grouped(plan.targets, forecast)),
    )


def _newest(group: Iterable[Target]) -> Target:
    return max(group, key=lambda target: target.release)


def _others(target: Target, group: Iterable[Target]) -> tuple[Release, ...]:
    return tuple(sorted(one.release for one in group if one is not target))


def _group(target: Target, forecast: Forecast) -> Hashable:
    """What is equal for two targets if one stands for the other."""
    fingerprint = forecast.fingerprint(target)
    if fingerprint is None or target.skip is not None:
        return target.name
    return (
        *(target.module.name, target.platform.name, target.sanitizer, target.sdk),
        *(target.flags, target.harness_flags, target.expect),
        *(tuple(sorted(target.env.items())), tuple(patch.name for patch in target.patches)),
        fingerprint,
    )


def _not_grouped(targets: Iterable[Target], forecast: Forecast) -> list[str]:
    reasons: dict[str, list[Target]] = {}
    for target in targets:
        if target.skip is None and forecast.fingerprint(target) is None:
            reason = "; ".join(forecast.of(target).reasons)
            reasons.setdefault(f"{target.module.name}: {reason}", []).append(target)
    return [
        f"representative: {reason}: {len(some)} targets stand for themselves"
        for reason, some in reasons.items()
    ]
