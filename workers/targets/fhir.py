"""A FHIR R5 server as a target: the summary report as one transaction."""

import json
from collections.abc import Iterator, Mapping, Sequence

from workers.errors import TransientFailure
from workers.fhir.bundle import bundle_of
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.http_client import HttpResponse, client_of, require_reached
from workers.targets.store_status import StoreResult
from workers.targets.target import Target
from workers.targets.transport import Alternatives, SentObject, TargetRefused

JSON = {"Accept": "application/fhir+json"}
TRANSACTION = {**JSON, "Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
NOT_FOR_US = {
    401: "does not accept our credentials, or none are configured",
    403: "does not let us write",
    404: "has no FHIR service at this URL",
    405: "takes no transactions at this URL",
    410: "has no FHIR service at this URL any more",
    501: "takes no transactions",
}


class FhirServer:
    """A FHIR server as a target."""

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Send each report as a transaction and yield the server's answer.

        Raises
        ------
        TransientFailure
            If there is no answer, or the server is too busy.
        TargetRefused
            If it refuses everything from us.
        """
        with client_of(target) as server:
            for role, choices in objects.items():
                report = next(iter(choices.values()))()
                answer = server.request("POST", "", TRANSACTION, json.dumps(bundle_of(report)).encode())
                require_reached(target, answer, NOT_FOR_US)
                yield SentObject(role, InstanceReference.of(report), _result_of(answer), f"HTTP {answer.status}")

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Read the server's capability statement."""
        with client_of(target) as server:
            answer = server.request("GET", "/metadata?_elements=fhirVersion", JSON)
        require_reached(target, answer, NOT_FOR_US)
        version = str(_of(answer).get("fhirVersion", ""))
        if answer.status != 200 or not version:
            raise TransientFailure(f"{target.url} answered with HTTP {answer.status} and no capability statement")
        if not version.startswith("5."):
            raise TargetRefused(f"{target.url} has FHIR {version[:12]}: the resources are those of FHIR 5.0")

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Return nothing: a FHIR target has no proof beyond the answer to its transaction."""
        return frozenset()


def _result_of(answer: HttpResponse) -> StoreResult:
    """Return whether the report was taken: only the response to a transaction confirms it."""
    if answer.status in (200, 201) and _of(answer).get("type") == "transaction-response":
        return StoreResult.TAKEN
    return StoreResult.REFUSED if 400 <= answer.status < 500 else StoreResult.TRY_AGAIN


def _of(answer: HttpResponse) -> Mapping[str, object]:
    content = answer.json()
    return content if isinstance(content, dict) else {}
