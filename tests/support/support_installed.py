"""Projects built against a made-up installed Mesos 1.2.3, below a prefix or in an image."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from buildkit.archives.cache import Archives
from buildkit.archives.lock import ArchiveLock
from buildkit.engine.bases import base_tag
from buildkit.matrix import load_matrix
from buildkit.options import Options
from buildkit.outcome import Outcome
from buildkit.pipeline import Pipeline
from buildkit.plan import make_plan
from buildkit.probe import Probe
from buildkit.session import run_plan
from buildkit.workspace import Workspace

ISOLATOR = Path(__file__).parents[2] / "isolator"

MATRIX = """\
releases = ["1.2.3"]

[sdk]
prefix = "mesos-{{release}}"
image = "{image}"

[[module]]
name = "tiny"
version = "0.1.0"
symbol = "{symbol}"
source = "src"
"""

# A few lines that declare their own base class: they compile in no time and pass 'inspect'.
MODULE = """\
#include <mesos/version.hpp>
namespace mesos {
namespace slave {
struct Isolator {
  virtual ~Isolator() {}
  virtual int prepare() { return 0; }
};
}
int answer();
}
#ifndef ASKED
#define ASKED mesos::answer
#endif
int ASKED();
struct Tiny : mesos::slave::Isolator {
  int prepare() override { return ASKED(); }
};
static mesos::slave::Isolator* create() { return new Tiny(); }
extern "C" { mesos::slave::Isolator* (*tiny_Module)() = create; }
"""

NEEDS_LIBMESOS = """\
#include <stdlib.h>
#ifndef FROM_PC
#error the flags of mesos.pc are not there
#endif
namespace mesos { int answer(); }
namespace { struct Ask { Ask() { if (mesos::answer() != 42) abort(); } } ask; }
"""


@dataclass(kw_only=True)
class Project:
    """A module in ``src/``: at first the few lines above."""

    root: Path
    engine: str
    bases: set[str] = field(default_factory=set)
    """The tags of the images that were made from given ones."""

    def __post_init__(self) -> None:
        self.matrix()
        self.write("src/tiny.cpp", MODULE)

    @property
    def prefix(self) -> Path:
        return self.root / "mesos-1.2.3"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def matrix(self, image: str = "unused", symbol: str = "tiny_Module", more: str = "") -> None:
        self.write("matrix.toml", MATRIX.format(image=image, symbol=symbol) + more)

    def add(self, text: str) -> None:
        """Go on with the matrix file."""
        self.write("matrix.toml", (self.root / "matrix.toml").read_text() + text)

    def use_isolator(self, image: str = "unused") -> None:
        """Take this repository's isolator for the module, and let it call libmesos."""
        shutil.rmtree(self.root / "src")
        shutil.copytree(ISOLATOR, self.root / "src")
        self.write("src/src/needs_libmesos.cpp", NEEDS_LIBMESOS)
        self.matrix(
            image,
            "mesos_buildkit_DockerVolumeIsolator",
            # Optimised it does the same, and takes twice the time to compile.
            'sources = ["src/*.cpp"]\ncommon-sources = ["core/*.cpp"]\nflags = ["-O0"]\n',
        )

    def run(self, sdk: str = "prefix", smoke: str = "inspect") -> Outcome:
        options = Options(engine=self.engine, sdk=sdk, smoke=smoke, jobs=2)
        probe = Probe(docker=self.engine == "docker", docker_detail="the test's")
        plan = make_plan(load_matrix(self.root / "matrix.toml"), options, probe)
        self.bases |= {base_tag(t.base_request) for t in plan.targets if t.sdk == "image"}
        workspace = Workspace(root=self.root)
        archives = Archives(
            folder=self.root / "archives",
            lock=ArchiveLock.beside(self.root / "matrix.toml", workspace.build),
            emit=print,
        )
        console = Console(quiet=True)
        [outcome], _ = run_plan(plan, options, workspace, archives, console, Pipeline.run)
        return outcome

    def log(self) -> str:
        return (self.root / "build/logs/1.2.3.log").read_text()

    def cause(self, sdk: str = "prefix") -> str:
        """Why the build fails."""
        outcome = self.run(sdk)
        assert outcome.status.value == "failed"
        return "\n".join(outcome.cause)


def assert_isolator_ran(outcome: Outcome) -> None:
    assert outcome.good, outcome.cause
    assert {check.level for check in outcome.checks} == {"inspect", "load", "run"}
    assert outcome.artifact.path == "1.2.3/libtiny-0.1.0+mesos-1.2.3.so"
