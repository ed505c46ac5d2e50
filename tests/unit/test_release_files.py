"""The files of a release: what they say, that they are always the same, that they never change."""

import gzip
import hashlib
import io
import json
from datetime import UTC, datetime

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from buildkit.archives.cache import archive_of
from buildkit.compat import tarfile
from buildkit.errors import TargetError
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File, texts, under
from buildkit.publish.bundle import entry_of, licence_tree, licences_at_top, stem_of
from buildkit.publish.components import Component, installed_mesos, read_components
from buildkit.publish.folder import ReleaseFolder
from buildkit.publish.packing import published_tarball
from buildkit.publish.provenance import provenance, subjects
from buildkit.publish.sbom import sbom_json
from buildkit.releases import Release
from buildkit.results.manifest import record
from buildkit.sources.origin import Origin

RELEASE = Release(1, 11, 0)
MESOS = Component(
    name="mesos",
    version="1.11.0",
    license="Apache-2.0",
    archive="mesos-1.11.0.tar.gz",
    sha512="a" * 128,
    texts={"LICENSE": b"text"},
)
BOOST = Component(
    name="boost",
    version="1.65.0",
    license="BSL-1.0",
    archive="boost-1.65.0.tar.gz",
    sha512="b" * 128,
    why_none="it asks for none",
)


@pytest.fixture
def row(project, make_outcome):
    outcome = make_outcome(
        "1.11.0",
        origin=Origin(digest="c" * 64, revision="d" * 40, time=86400),
        archives=(("mesos-1.11.0.tar.gz", "a" * 128),),
        base="sha256:" + "e" * 64,
        sdk_digest="f" * 64,
        compiler="g++ (Debian 12.2.0-14+deb12u1) 12.2.0",
        ended=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return record(project.plan(), outcome)


PINNED = "fc812ab278b8279c65a8d25027564af4032a549dd12d7fad88adaed22b471ed2"


class TestTarball:
    @given(st.dictionaries(st.sampled_from(["a", "b/c", "é"]), st.binary(max_size=300_000)))
    def test_gzip_and_tar_read_what_was_packed(self, contents):
        tree = {path: File(data) for path, data in contents.items()}
        packed = published_tarball(tree, 86400)
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
            found = {member.name: archive.extractfile(member).read() for member in archive}
        assert found == contents

    @pytest.mark.parametrize("size", [0, 1, 0xFFFF - 1, 0xFFFF, 0xFFFF + 1, 3 * 0xFFFF])
    def test_blocks_may_end_anywhere(self, size):
        tree = {"x": File(bytes(size))}
        assert len(gzip.decompress(published_tarball(tree, 0))) % 10240 == 0

    def test_bytes_are_pinned(self):
        """Whatever Python or zlib: a change of them would be a change of every release."""
        packed = published_tarball({"b": File(b"2", executable=True), "a": File(b"1")}, 86400)
        assert hashlib.sha256(packed).hexdigest() == PINNED


class TestBundle:
    def test_the_first_platform_keeps_the_short_name(self, row):
        assert stem_of(row, "debian12") == "volume-1.0.0+mesos-1.11.0"
        assert stem_of(row, "debian11") == "volume-1.0.0+mesos-1.11.0-debian12"

    def test_the_entry_has_nothing_that_differs_each_time(self, row):
        others = {
            "engine": "docker",
            "base": "sha256:0",
            "seconds": 7.0,
            "ended": None,
            "stages": (),
            "sdk_origin": "/opt/mesos",
            "log": "elsewhere",
            "smoke": row.smoke.model_copy(update={"level": "inspect"}),
        }
        assert entry_of(row) == entry_of(row.model_copy(update=others))
        assert entry_of(row)["library"]["file"].endswith(".so")
        assert "/" not in entry_of(row)["library"]["debug_file"]

    def test_licences_of_all_that_is_inside(self):
        own = licences_at_top(
            texts([("LICENSE.md", "l"), ("NOTICE", "n"), ("src/LICENSE", "s"), ("a.cpp", "a")])
        )
        tree = licence_tree("volume", own, [MESOS, BOOST])
        assert tree.keys() == {
            *("volume/LICENSE.md", "volume/NOTICE", "mesos-1.11.0/LICENSE", "README.txt")
        }
        assert tree["README.txt"].data.decode().splitlines() == [
            "volume: LICENSE.md, NOTICE",
            "mesos-1.11.0: Apache-2.0: LICENSE",
            "boost-1.65.0: BSL-1.0: no text: it asks for none",
        ]


class TestComponents:
    BUNDLED = {  # noqa: RUF012
        "boost-1.65.0": {"boost/version.hpp": "//"},
        "concurrentqueue-7b69a8f": {"LICENSE.md": "c"},
        "glog-0.4.0": {"COPYING": "g"},
        "http-parser-2.6.2": {"LICENSE-MIT": "h"},
        "picojson-1.3.0": {"picojson.h": "/*\n * Copyright of picojson\n */\n#ifndef X\n"},
        "rapidjson-1.1.0": {"license.txt": "r"},
    }

    def write(self, folder, leave_out="", licence="LICENSE"):
        versions = "".join(
            f"{stem.rpartition('-')[0].upper().replace('-', '_')}_VERSION = {stem.split('-')[-1]}\n"
            for stem in (*self.BUNDLED, "protobuf-3.5.0")
        )
        inside = {
            f"3rdparty/{stem}.tar.gz": File(write_tarball(under(stem, texts(tree.items()))))
            for stem, tree in self.BUNDLED.items()
            if stem != leave_out
        }
        tree = {**texts([(licence, "m"), ("3rdparty/versions.am", versions)]), **inside}
        used = {}
        for name, one in (
            (archive_of(RELEASE), under("mesos-1.11.0", tree)),
            ("protobuf-3.5.0.tar.gz", texts([("protobuf-3.5.0/LICENSE", "p")])),
        ):
            path = folder / name
            path.write_bytes(write_tarball(one))
            used[name] = (path, hashlib.sha512(path.read_bytes()).hexdigest())
        return used, inside

    def test_names_versions_digests_and_texts_come_from_the_archives(self, tmp_path):
        used, inside = self.write(tmp_path)
        found = {one.name: one for one in read_components(RELEASE, used)}
        assert {name: one.version for name, one in found.items()} == {
            "mesos": "1.11.0",
            "boost": "1.65.0",
            "glog": "0.4.0",
            "picojson": "1.3.0",
            "http-parser": "2.6.2",
            "protobuf": "3.5.0",
            "concurrentqueue": "7b69a8f",
            "rapidjson": "1.1.0",
        }
        assert found["protobuf"].sha512 == used["protobuf-3.5.0.tar.gz"][1]
        glog = inside["3rdparty/glog-0.4.0.tar.gz"].data
        assert found["glog"].sha512 == hashlib.sha512(glog).hexdigest()
        assert found["glog"].texts == {"COPYING": b"g"}
        assert found["picojson"].texts == {"picojson.h.txt": b"/*\n * Copyright of picojson\n */\n"}
        assert found["picojson"].license == "BSD-2-Clause-Views"
        assert found["boost"].texts == {}
        assert found["boost"].why_none

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"leave_out": "glog-0.4.0"}, "lacks glog-0.4.0.tar.gz"),
            ({"licence": "README"}, "expected Mesos's licence"),
        ],
    )
    def test_an_archive_without_a_licence_is_refused(self, tmp_path, how, words):
        used, _ = self.write(tmp_path, **how)
        with pytest.raises(TargetError, match=words):
            read_components(RELEASE, used)


def sbom(row, components=(MESOS, BOOST), **changes):
    return sbom_json(
        row,
        row.artifact,
        components,
        **{
            "license_id": "Apache-2.0",
            "modified": 86400,
            "archives_url": "https://archive.example.org/mesos",
            **changes,
        },
    )


class TestSbom:
    @pytest.mark.parametrize("license_id", [None, "MIT OR Apache-2.0", "ours alone"])
    def test_it_keeps_to_the_published_schema(self, row, license_id):
        validator = JsonStrictValidator(SchemaVersion.V1_6)
        for components in ((MESOS, BOOST), installed_mesos(RELEASE)):
            text = sbom(row, components, license_id=license_id)
            assert validator.validate_str(text) is None

    def test_it_is_always_the_same_and_of_one_library(self, row):
        assert sbom(row) == sbom(row, (BOOST, MESOS))
        other = row.model_copy(update={"name": "another/1.11.0/debian12"})
        assert json.loads(sbom(row))["serialNumber"] != json.loads(sbom(other))["serialNumber"]

    def test_it_names_what_is_inside(self, row):
        document = json.loads(sbom(row))
        assert document["metadata"]["timestamp"] == "1970-01-02T00:00:00+00:00"
        library = document["metadata"]["component"]
        assert library["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
        parts = {part["name"]: part for part in document["components"]}
        assert parts["mesos"]["hashes"] == [{"alg": "SHA-512", "content": "a" * 128}]
        (reference,) = parts["mesos"]["externalReferences"]
        assert reference["url"] == ("https://archive.example.org/mesos/1.11.0/mesos-1.11.0.tar.gz")
        assert parts["boost"]["licenses"] == [{"license": {"id": "BSL-1.0"}}]
        assert (parts["g++"]["version"], parts["g++"]["scope"]) == ("12.2.0", "excluded")


def test_provenance_is_a_statement_of_in_toto(row, make_target):
    files = {"b": "2" * 64, "a": "1" * 64}
    statement = provenance(row, make_target().module, files)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert subjects(json.loads(json.dumps(statement))) == files
    predicate = statement["predicate"]
    assert predicate["runDetails"]["metadata"] == {
        "startedOn": "2026-01-02T03:04:02Z",
        "finishedOn": "2026-01-02T03:04:05Z",
    }
    found = {one["name"]: one for one in predicate["buildDefinition"]["resolvedDependencies"]}
    assert found["base"] == {"name": "base", "digest": {"sha256": "e" * 64}}
    assert found["commit"]["digest"] == {"gitCommit": "d" * 40}
    assert found["mesos-1.11.0.tar.gz"]["digest"] == {"sha512": "a" * 128}


@pytest.mark.parametrize("text", [None, [], "x", {}, {"subject": 1}, {"subject": [{}]}])
def test_what_is_no_statement_is_about_nothing(text):
    assert subjects(text) is None


class TestFolder:
    @pytest.fixture
    def publish(self, tmp_path):
        def publish(statement='{"subject": [], "when": 1}', **files):
            with ReleaseFolder.open(tmp_path / "out", tmp_path / "lock") as folder:
                for name, data in files.items():
                    folder.add(name, data)
                folder.add_statement("s.json", statement)
                return {one.name: one.state for one in folder.publish(None)}

        return publish

    @pytest.fixture
    def there(self, tmp_path):
        return lambda: {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def test_a_second_run_changes_nothing(self, publish, there):
        assert set(publish(a=b"1").values()) == {"written"}
        before = there()
        assert before.keys() == {"a", "s.json", "SHA256SUMS", "VERIFY.txt"}
        assert set(publish('{"subject": [], "when": 2}', a=b"1").values()) == {"present"}
        assert there() == before

    def test_further_files_join_those_that_are_there(self, publish, there):
        publish(b=b"2")
        publish(a=b"1")
        lines = there()["SHA256SUMS"].decode().splitlines()
        assert [line.split()[1] for line in lines] == ["a", "b"]

    def test_what_a_run_that_was_cut_off_has_left_is_completed(self, publish, there, tmp_path):
        publish(a=b"1", b=b"2")
        whole = there()
        for lost in whole:
            (tmp_path / "out" / lost).unlink()
            publish(a=b"1", b=b"2")
            assert there() == whole

    def test_other_bytes_are_an_error_that_shows_all_digests(self, publish, there):
        publish(a=b"1", b=b"2", c=b"3")
        before = there()
        with pytest.raises(TargetError) as error:
            publish(a=b"1", b=b"other", c=b"others", d=b"4")
        for data in (b"2", b"other", b"3", b"others"):
            assert hashlib.sha256(data).hexdigest() in str(error.value)
        assert there() == before

    def test_what_was_published_and_taken_away_does_not_come_back_otherwise(
        self, publish, tmp_path
    ):
        publish(a=b"1")
        (tmp_path / "out/a").unlink()
        with pytest.raises(TargetError, match="listed in SHA256SUMS with other bytes"):
            publish(a=b"2")

    def test_a_statement_about_other_files_is_an_error(self, publish):
        publish(a=b"1")
        with pytest.raises(TargetError, match=r"s\.json: there with other bytes"):
            publish('{"subject": [{"name": "x", "digest": {"sha256": "0"}}]}', a=b"1")

    @pytest.mark.parametrize("spoil", [b"hello\n", b"\xff\xfe\n", b"0" * 64 + b"  ../x\n"])
    def test_a_list_that_is_none_is_not_touched(self, publish, tmp_path, there, spoil):
        publish(a=b"1")
        (tmp_path / "out/SHA256SUMS").write_bytes(spoil)
        before = there()
        with pytest.raises(TargetError, match="SHA256SUMS"):
            publish(a=b"1", b=b"2")
        assert there() == before

    def test_a_folder_of_that_name_is_an_error(self, publish, tmp_path):
        (tmp_path / "out/a").mkdir(parents=True)
        with pytest.raises(TargetError, match="there, and not a file"):
            publish(a=b"1")

    def test_a_signed_list_gets_no_line_that_nobody_signs(self, publish, tmp_path, there):
        publish(a=b"1")
        (tmp_path / "out/SHA256SUMS.sig").write_bytes(b"sig")
        publish(a=b"1")
        before = there()
        with pytest.raises(TargetError, match="--sign-key"):
            publish(a=b"1", b=b"2")
        assert there() == before
