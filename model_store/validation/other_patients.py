"""Checks that no patient of the training is in a validation cohort."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from model_store.cohort.labelled_cohort import feature_values, image_columns, measured_rows
from model_store.cohort.twins import (
    PIXEL_DIGEST,
    require_other_images,
    require_other_patients,
    require_other_pixels,
    require_other_values,
)
from model_store.signatures.own_columns import own_of


@dataclass(frozen=True)
class Checked:
    """By what a cohort was compared with the training cases, without finding one of them."""

    pseudonyms: bool = False
    pixel_digests: bool = False
    """Every case of both tables has one."""
    features: bool = False

    @property
    def complete(self) -> bool:
        """Whether all comparisons were made."""
        return self.pseudonyms and self.pixel_digests and self.features

    def to_json(self) -> dict[str, bool]:
        """Return JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class TrainedOn:
    """The cases of a training."""

    cases: pd.DataFrame | None
    """Table with the column patient, of those who were trained on; None where they are not known."""
    features: pd.DataFrame | None
    """Their rows of the feature table, with pixel digests where it has them."""

    @classmethod
    def of(cls, cases: pd.DataFrame | None, features: pd.DataFrame | None) -> "TrainedOn":
        """Return the cases of a training with their rows of a feature table of more patients."""
        if cases is None or features is None:
            return cls(cases, None)
        mine = features["patient"].astype(str).isin(cases["patient"].astype(str))
        return cls(cases, measured_rows(features[mine]))

    def require_others(self, features: pd.DataFrame, what: str, score_columns: Sequence[str]) -> Checked:
        """Refuse a cohort that holds a training case, under this pseudonym or another; return what was compared.

        ``score_columns`` are the features of the signature.

        Raises
        ------
        LeakError
            With the number of cases.
        """
        if self.cases is None:
            return Checked()
        rows = measured_rows(features)
        require_other_patients(self.cases["patient"].astype(str), rows["patient"].astype(str), what)
        if self.features is None:
            return Checked(pseudonyms=True)
        digests = False
        if PIXEL_DIGEST in rows and PIXEL_DIGEST in self.features:
            digests = require_other_pixels(self.features[PIXEL_DIGEST], rows[PIXEL_DIGEST], what)
        common = sorted(set(image_columns(rows)) & set(image_columns(self.features)))
        if common:
            require_other_images(feature_values(self.features[common]), feature_values(rows[common]), what)
        own = own_of(score_columns)
        of_score = [name for name in score_columns if name in common]
        if len(of_score) == len(score_columns) - len(own):
            require_other_values(feature_values(self.features[of_score]), feature_values(rows[of_score]), what)
        return Checked(pseudonyms=True, pixel_digests=digests, features=bool(common))
