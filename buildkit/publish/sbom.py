"""A library's bill of materials, in CycloneDX's form. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentScope, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from buildkit import __version__
from buildkit.archives.cache import url_path_of
from buildkit.publish.components import Component
from buildkit.releases import Release
from buildkit.results.manifest import ArtifactRecord, TargetRecord

_VERSION = re.compile(r"\d+(?:\.\d+)+")


def sbom_json(  # noqa: PLR0913
    record: TargetRecord,
    artifact: ArtifactRecord,
    components: Sequence[Component],
    *,
    license_id: str | None,
    modified: int,
    archives_url: str,
) -> str:
    """The text of the document.

    ``license_id`` is the module's, by SPDX; ``modified`` the time that it is given, in seconds
    since 1970; ``archives_url`` where Mesos's source archives are, as the matrix has it.
    """
    licences = LicenseFactory()
    library = Part(
        name=record.module,
        version=f"{record.module_version}+mesos-{record.release}",
        type=ComponentType.LIBRARY,
        bom_ref=f"{record.module}@{record.module_version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact.sha256)],
        licenses=[] if license_id is None else [licences.make_from_string(license_id)],
        properties=[
            Property(name=f"mesos-buildkit:{key}", value=value)
            for key, value in _properties(record, artifact)
        ],
    )
    parts = [_part(one, licences, archives_url) for one in components]
    parts.append(_compiler(record.compiler))
    bom = Bom(
        # By what it is about: the same library has the same document.
        serial_number=uuid5(NAMESPACE_URL, f"urn:sha256:{artifact.sha256}:{record.name}"),
        metadata=BomMetaData(
            timestamp=datetime.fromtimestamp(modified, UTC),
            component=library,
            tools=ToolRepository(
                components=[
                    Part(name="mesos-buildkit", version=__version__, type=ComponentType.APPLICATION)
                ]
            ),
        ),
        components=parts,
    )
    bom.register_dependency(library, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _properties(record: TargetRecord, artifact: ArtifactRecord) -> list[tuple[str, str]]:
    found = [
        ("platform", record.platform),
        ("architecture", record.architecture),
        ("sdk", record.sdk),
        ("build-id", artifact.build_id),
    ]
    if record.source is not None:
        found.append(("source-sha256", record.source.digest))
        if record.source.revision is not None:
            found.append(("source-revision", record.source.revision))
    return found


def _part(one: Component, licences: LicenseFactory, archives_url: str) -> Part:
    hashes = [HashType(alg=HashAlgorithm.SHA_512, content=one.sha512)] if one.sha512 else []
    references = []
    if one.name == "mesos" and one.archive:
        url = f"{archives_url.rstrip('/')}/{url_path_of(Release.parse(one.version))}"
        references.append(
            ExternalReference(
                type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(url), hashes=hashes
            )
        )
    return Part(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{one.name}@{one.version}",
        purl=PackageURL(type="generic", name=one.name, version=one.version),
        hashes=hashes,
        licenses=[licences.make_from_string(one.license)],
        external_references=references,
        properties=[Property(name="mesos-buildkit:archive", value=one.archive)]
        if one.archive
        else [],
    )


def _compiler(line: str) -> Part:
    """``line`` is the first one of its ``--version``."""
    versions = _VERSION.findall(line)
    words = line.split()
    return Part(
        name=words[0] if words else "compiler",
        version=versions[-1] if versions else None,
        description=line,
        type=ComponentType.APPLICATION,
        bom_ref="compiler",
        # It is not in the library.
        scope=ComponentScope.EXCLUDED,
    )
