"""Which transport serves which target."""

from collections.abc import Iterator, Mapping, Sequence

from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.dicomweb import Stow
from workers.targets.echo_scu import verify
from workers.targets.fhir import FhirServer
from workers.targets.find_scu import find
from workers.targets.store_scu import send
from workers.targets.target import Target, TargetKind
from workers.targets.transport import Alternatives, SentObject, Transport


class Dimse:
    """A Storage SCP: C-STORE, C-ECHO and C-FIND."""

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Send over one association."""
        return send(target, calling_ae_title, objects)

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Verify by C-ECHO."""
        verify(target, calling_ae_title)

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Query by C-FIND."""
        return find(target, calling_ae_title, instances)


def transport_of(target: Target) -> Transport:
    """Return the transport for the kind of this target."""
    match target.kind:
        case TargetKind.DICOMWEB:
            return Stow()
        case TargetKind.FHIR:
            return FhirServer()
        case TargetKind.DIMSE:
            return Dimse()
