"""The folder that a run compiles in is its own; the public one is what it left last."""

from dataclasses import dataclass, field

import pytest

from buildkit.files.tree import File
from buildkit.workfolder import WorkFolder


@dataclass
class PretendContext:
    files: dict = field(default_factory=lambda: {"src/a.cpp": File(b"int a;\n")})
    made: int = 0

    def tree(self):
        self.made += 1
        return self.files


@pytest.fixture
def public(tmp_path):
    return tmp_path / "contexts" / "0.24.1"


def test_nothing_is_written_if_nobody_asks(public):
    context = PretendContext()
    with WorkFolder(context, public):
        pass
    assert context.made == 0
    assert not public.exists()


def test_it_is_written_once_and_published_at_the_end(public):
    context = PretendContext()
    with WorkFolder(context, public) as folder:
        assert folder.path == folder.path
        assert (folder.path / "src" / "a.cpp").read_text() == "int a;\n"
        assert not public.exists()
    assert context.made == 1
    assert (public / "src" / "a.cpp").is_file()


def test_what_somebody_changed_in_the_public_folder_is_not_compiled(public):
    public.mkdir(parents=True)
    (public / "src").write_text("edited")
    with WorkFolder(PretendContext(), public) as folder:
        assert (folder.path / "src" / "a.cpp").read_text() == "int a;\n"
    assert (public / "src" / "a.cpp").read_text() == "int a;\n"


def test_two_runs_at_once_have_a_folder_each(public):
    with (
        WorkFolder(PretendContext(), public) as one,
        WorkFolder(PretendContext(), public) as other,
    ):
        assert one.path != other.path
    # Only what is named after the target is left, and the lock.
    assert {path.name for path in public.parent.iterdir()} <= {"0.24.1", ".0.24.1.lock"}


def test_it_is_published_after_a_failure_too(public):
    with pytest.raises(ZeroDivisionError), WorkFolder(PretendContext(), public) as folder:
        1 / len(str(folder.path)[:0])
    assert (public / "src" / "a.cpp").is_file()
