"""How good a signature is, from the metrics of its bundle, for the reader of a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # with NumPy, which commands that only show results do without
    from model_store.signatures.signature import Description

MEASURED_BY = {
    "held_out": "held-out",
    "held_out_other_spacings": "held-out",
    "nested_cross_validation": "cross-validated",
    "leave_one_site_out": "cross-validated by site",
    "cross_validation": "cross-validated",
}
"""How the performance was measured, by its name in the bundle, best evidence first; another name is a validation."""


@dataclass(frozen=True)
class SignatureQuality:
    """Area under the ROC curve with its 95 % interval, and the cases that it was measured on."""

    auc: float
    low: float
    high: float
    cases: int
    kind: str
    """The kind of cases, such as ``held-out`` or the name of an external validation."""
    is_simulated: bool


def signature_quality(description: "Description") -> SignatureQuality | None:
    """Return the best evidence on a signature: external cohorts first; None where the bundle has no AUC."""
    measured = {name: found for name, found in description.metrics.items() if _has_auc(found)}
    if not measured:
        return None
    order = list(MEASURED_BY)
    name = min(measured, key=lambda one: (order.index(one) if one in order else -1, one))
    auc, cases = measured[name]["auc"], int(measured[name]["cases"])
    kind = MEASURED_BY.get(name, name.replace("_", " "))
    simulated = "simulated" in str(description.cohort.get("source", ""))
    return SignatureQuality(float(auc["value"]), float(auc["low"]), float(auc["high"]), cases, kind, simulated)


def _has_auc(found: Any) -> bool:
    return isinstance(found, Mapping) and isinstance(found.get("auc"), Mapping) and "cases" in found
