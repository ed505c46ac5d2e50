"""A docker buildx bake file over written contexts. Pure.

A bake file lists builds for BuildKit, each with the folder it is made of, and may say that one
takes another's result in the place of a stage of its Dockerfile (``contexts``, ``target:``). So
what several targets have in common becomes a build of its own. Paths in it are relative to the
folder that ``docker buildx bake`` is started in: the one that the file is in. Source: the
reference of bake files, https://docs.docker.com/build/bake/reference/.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from buildkit.engine.bases import base_tag, dockerfile
from buildkit.errors import UsageError
from buildkit.files.tree import Tree, digest_of, tree_digest
from buildkit.plan import Target

FILE = "docker-bake.json"
"""The name that ``docker buildx bake`` looks for."""
LIBRARIES = "libraries"
"""The folder, beside the file, that the libraries come to: dist/ is for what was smoke-tested."""
LABEL = "mesos-buildkit"

_SHARED_STAGES = ("common", "sdk", "harness")
_TAKES = {
    "artifact": ("base", "common", "sdk"),
    "smoke": ("base", "common", "sdk", "harness"),
    "common": ("base",),
    "harness": ("base",),
    "sdk": (),
}
"""What of others' results each stage of a context's Dockerfile may be made of."""
_NOTHING_LEFT = ("type=cacheonly",)


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """A target whose context is written."""

    target: Target
    folder: str
    """The context, POSIX, relative to the bake file."""
    stages: Mapping[str, str]
    """What :func:`stage_digests` says of it."""


@dataclass(frozen=True, kw_only=True)
class BakeOptions:
    """What a user may say about the file."""

    base: str | None = None
    """The image to build on, instead of one that the file makes; ``{platform}`` and ``{local}``
    stand for the platform's name and the tag of the base that ``build`` makes."""
    links: bool = True
    """Whether a build may take another's result, which needs BuildKit 0.10."""
    cache_from: tuple[str, ...] = ()
    """Where to look for cached layers, with ``{target}``, ``{release}``, ``{module}`` and
    ``{platform}``."""
    cache_to: tuple[str, ...] = ()
    """Where to leave them, likewise."""


def stage_digests(context: Tree) -> dict[str, str]:
    """A digest for each stage of a context's Dockerfile: stages that share it give the same.

    It is over the stage's instructions and the files that they copy, not over other stages.
    """
    text = context["Dockerfile"].data.decode()
    head, *stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
    [base] = re.findall(r"^ARG BASE=.*$", head, re.MULTILINE)
    found = {}
    for stage in stages:
        # Comments and blank lines change nothing.
        lines = [line for line in stage.splitlines() if line and not line.startswith("#")]
        copied = [
            word
            for line in lines
            if line.startswith("COPY ") and "--from=" not in line
            for word in line.split()[1:-1]
        ]
        files = {
            path: file
            for path, file in context.items()
            if any(
                path == word or (word.endswith("/") and path.startswith(word)) for word in copied
            )
        }
        parent, name = re.findall(r"^FROM (\S+) AS (\S+)$", lines[0])[0]
        found[name] = digest_of(*(base if parent == "${BASE}" else "", *lines), tree_digest(files))
    return found


def make_bake(ingredients: Sequence[Ingredient], options: BakeOptions) -> dict[str, Any]:
    """The bake file as plain data.

    Raises :class:`UsageError` for a placeholder that is not known, caches that would overwrite each
    other, and names that BuildKit could not tell apart.
    """
    kitchen = _Kitchen(options=options, shared=_shared(ingredients) if options.links else {})
    for ingredient in ingredients:
        kitchen.add(ingredient)
    _refuse_common_caches(kitchen.targets)
    groups = {name: {"targets": members} for name, members in kitchen.groups.items()}
    if both := sorted(groups.keys() & kitchen.targets.keys()):
        raise UsageError(f"bake: {both[0]} would name a group and a target; rename the module")
    document: dict[str, Any] = {"group": groups, "target": kitchen.targets}
    return {key: _literal(value) for key, value in document.items()}


def bake_name(*parts: str) -> str:
    """A name as bake files allow it, such as ``dockervolume-0-24-1-debian12``."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", "-".join(parts))


def _shared(ingredients: Iterable[Ingredient]) -> dict[tuple[str, str], str]:
    """The stages that more than one target has: stage and digest -> name."""
    counts = Counter(
        (stage, digest)
        for ingredient in ingredients
        for stage, digest in ingredient.stages.items()
        if stage in _SHARED_STAGES
    )
    return {
        (stage, digest): bake_name(stage, digest[:12])
        for (stage, digest), count in counts.items()
        if count > 1
    }


@dataclass(kw_only=True)
class _Kitchen:
    """Where the file comes together."""

    options: BakeOptions
    shared: Mapping[tuple[str, str], str]
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=lambda: {"default": []})

    def add(self, ingredient: Ingredient) -> None:
        """Add a target, and what it shares with others unless that is there."""
        target = ingredient.target
        name = bake_name(target.module.name, str(target.release), target.platform.name)
        links = self._links(ingredient)
        labels = {
            "org.opencontainers.image.title": target.library,
            "org.opencontainers.image.version": target.module.version,
            f"{LABEL}.target": target.name,
            f"{LABEL}.release": str(target.release),
            f"{LABEL}.sdk": target.sdk,
        }
        library = self._entry(ingredient, "artifact", name, links)
        library |= {
            "labels": labels,
            "output": [f"type=local,dest={LIBRARIES}/{target.folder}"],
        }
        if target.expect is not None and target.expect.stage == "build":
            groups = ["expect-fail"]
        else:
            groups = [
                "default",
                bake_name("release", str(target.release)),
                bake_name("platform", target.platform.name),
                bake_name("module", target.module.name),
            ]
        self._put(name, library, groups)
        if "smoke" in ingredient.stages:
            test = self._entry(ingredient, "smoke", f"{name}-smoke", links)
            # Another's cache is of use; its own, that it has passed, is not to be passed on.
            test.pop("cache-to", None)
            failing = target.expect is not None and target.expect.stage != "sdk"
            self._put(f"{name}-smoke", test, ["expect-fail" if failing else "smoke"])

    def _put(self, name: str, entry: dict[str, Any], groups: Iterable[str] = ()) -> None:
        if name in self.targets:
            raise UsageError(
                f"bake: two targets would be named {name}, because bake files allow neither dots "
                "nor slashes in names; rename a module or a platform"
            )
        self.targets[name] = entry
        for group in groups:
            self.groups.setdefault(group, []).append(name)

    def _links(self, ingredient: Ingredient) -> dict[str, str]:
        """What of a context is built elsewhere: stage, or "base" -> target."""
        links: dict[str, str] = {}
        if self.options.links and self.options.base is None:
            links["base"] = f"target:{self._base(ingredient.target)}"
        for stage, digest in ingredient.stages.items():
            if name := self.shared.get((stage, digest)):
                if name not in self.targets:
                    self._put(name, self._entry(ingredient, stage, name, links, shared=True))
                links[stage] = f"target:{name}"
        return links

    def _base(self, target: Target) -> str:
        """The name of the target that makes the base image."""
        request = target.base_request
        name = bake_name("base", base_tag(request).partition(":")[2])
        if name not in self.targets:
            text = dockerfile(
                request.image, request.packages, {f"{LABEL}.platform": request.platform}
            )
            self._put(
                name,
                {
                    "dockerfile-inline": text,
                    "platforms": [f"linux/{request.architecture}"],
                    "output": list(_NOTHING_LEFT),
                    **self._caches(target, name, shared=True),
                },
            )
        return name

    def _entry(
        self,
        ingredient: Ingredient,
        stage: str,
        name: str,
        links: Mapping[str, str],
        *,
        shared: bool = False,
    ) -> dict[str, Any]:
        target = ingredient.target
        taken = {key: links[key] for key in _TAKES[stage] if key in links}
        base = self._base_argument(target, taken) if "base" in _TAKES[stage] else None
        return {
            "context": ingredient.folder,
            "target": stage,
            **({"args": {"BASE": base}} if base is not None else {}),
            **({"contexts": taken} if taken else {}),
            "platforms": [f"linux/{target.platform.architecture}"],
            # A module's build must not depend on what the network gives today.
            "network": "none",
            "output": list(_NOTHING_LEFT),
            **self._caches(target, name, shared=shared),
        }

    def _base_argument(self, target: Target, taken: Mapping[str, str]) -> str | None:
        """What to build on; None for the Dockerfile's own, which is where 'build' has run."""
        if "base" in taken:
            return "base"
        if self.options.base is None:
            return None
        values = {"platform": target.platform.name, "local": base_tag(target.base_request)}
        return _fill(self.options.base, values, "--base")

    def _caches(self, target: Target, name: str, *, shared: bool) -> dict[str, list[str]]:
        values = {
            "target": name,
            # What is shared is of no one release.
            "release": name if shared else str(target.release),
            "module": name if shared else target.module.name,
            "platform": target.platform.name,
        }
        keys = {"cache-from": self.options.cache_from, "cache-to": self.options.cache_to}
        return {
            key: [_fill(template, values, f"--{key}") for template in templates]
            for key, templates in keys.items()
            if templates
        }


def _fill(template: str, values: Mapping[str, str], option: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UsageError(
                f"{option} {template}: {match[0]} stands for nothing; there are "
                + ", ".join(f"{{{name}}}" for name in values)
            )
        return values[match[1]]

    return re.sub(r"\{([^{}]*)\}", value, template)


def _refuse_common_caches(targets: Mapping[str, Mapping[str, Any]]) -> None:
    """Builds that leave their cache in one place overwrite each other's."""
    taken: dict[str, str] = {}
    for name, entry in targets.items():
        for place in entry.get("cache-to", ()):
            other = taken.setdefault(place, name)
            if other != name:
                raise UsageError(
                    f"--cache-to: {other} and {name} would both write {place}; put {{target}} in it"
                )


def _literal(value: Any) -> Any:
    """The same with every text as it is to be read, because bake fills in ``${...}``."""
    match value:
        case str():
            return re.sub(r"([$%])(?=\{)", r"\1\1", value)
        case dict():
            return {key: _literal(item) for key, item in value.items()}
        case list():
            return [_literal(item) for item in value]
        case _:
            return value
