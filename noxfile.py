# /// script
# dependencies = [
#     "backports.tarfile>=1.2; python_version < '3.12'",
#     "cyclonedx-python-lib>=11",
#     "docker>=7.1",
#     "filelock>=3.16",
#     "jinja2>=3.1.5",
#     "nox>=2026.10.20",
#     "packageurl-python>=0.15",
#     "packaging>=24.2",
#     "pcpp>=1.30",
#     "platformdirs>=4.3",
#     "pydantic>=2.10",
#     "pyelftools>=0.32",
#     "requests>=2.32",
#     "rich>=13.9",
#     "tenacity>=9",
#     "tomlkit>=0.13",
#     "tree-sitter>=0.25",
#     "tree-sitter-cpp>=0.23.4",
#     "unidiff>=0.7.5",
#     "urllib3>=2",
# ]
# ///
"""The sessions: ``nox --list`` names them, the README explains them."""

import sys
from pathlib import Path

import nox

# Where nox is installed apart (pipx, uvx), this folder is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

import buildkit.nox

nox.options.error_on_missing_interpreters = False
buildkit.nox.register()


@nox.session(venv_backend="none", default=False)
def tests(session: nox.Session) -> None:
    """Run this repository's tests: fast ones, with g++, and in containers."""
    # A file's tests stay together, because they share what took long to compile. In which order is
    # for tests/conftest.py to say: by itself xdist would start with the files of most tests.
    parallel = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
    session.run(sys.executable, "-m", "pytest", *parallel, *session.posargs, external=True)


@nox.session(venv_backend="none", default=False)
def lint(session: nox.Session) -> None:
    """Check style and types of this repository."""
    session.run(sys.executable, "-m", "ruff", "check", external=True)
    session.run(sys.executable, "-m", "ruff", "format", "--check", external=True)
    session.run(sys.executable, "-m", "mypy", external=True)
