"""What a signature adds to clinical data: nothing where it repeats them, and what is planted where it does not."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from model_store.errors import TrainingError
from model_store.reporting.added_value_figures import net_benefits, nomogram
from model_store.validation.added_value import SIGNATURE, fit_clinical_models, predictors
from model_store.validation.cohort_validation import ScoredCohort, subgroup_table

COLUMNS = ("age", "grade")


def cohort(name: str, seed: int, of_image: float, cases: int = 300) -> ScoredCohort:
    """Return a cohort in which age, grade and (by ``of_image``) the image tell the classes apart."""
    rng = np.random.default_rng(seed)
    hot = rng.random(cases) < 0.4
    age, image = rng.normal(55 - 5 * hot, 8), rng.normal(of_image * hot)
    grade = rng.choice([1.0, 2.0, 3.0], cases)
    table = pd.DataFrame({"age": age.round(), "grade": grade, "score": expit(image)})
    table.loc[:4, "grade"] = np.nan
    patients = [f"{name}{number}" for number in range(cases)]
    words = np.where(hot, "hot", "cold")
    return ScoredCohort(name, table.assign(patient=patients, phenotype=words, verdict=words), 0.5, {})


def test_an_image_that_tells_more_adds_to_the_clinic_here_and_elsewhere() -> None:
    """The interval of the difference lies above 0 in the training and in another cohort; noise adds nothing."""
    models, training = fit_clinical_models(cohort("training", 1, 1.0), COLUMNS)
    elsewhere = models.of(cohort("elsewhere", 2, 1.0))
    assert elsewhere is not None
    for added in (training, elsewhere):
        assert added.difference.low > 0
        assert added.row(is_fit=False)["without_clinical_data"] == 5
        assert added.row(is_fit=False)["cases"] == 295
    _, noise = fit_clinical_models(cohort("training", 1, 0.0), COLUMNS)
    assert noise.difference.low < 0 < noise.difference.high
    lacking = cohort("lacking", 3, 1.0)
    assert models.of(ScoredCohort("lacking", lacking.cases.drop(columns="grade"), 0.5, {})) is None


def test_a_grade_is_the_same_category_as_a_whole_number() -> None:
    """A table without empty cells has 2 where another one has 2.0; codes of seven digits stay apart."""
    models, _ = fit_clinical_models(cohort("training", 1, 1.0), COLUMNS)
    other = cohort("other", 4, 1.0)
    complete = other.cases.dropna()
    whole = ScoredCohort("whole", complete.astype({"grade": int}), 0.5, {})
    one, two = models.of(ScoredCohort("floats", complete, 0.5, {})), models.of(whole)
    assert one is not None
    assert two is not None
    assert (one.combined == two.combined).all()
    many = complete.assign(grade=complete["grade"] + 1234566)
    assert predictors(many, ["grade"], frozenset())["grade"].nunique() == 3
    words = ScoredCohort("words", complete.assign(age="fifty"), 0.5, {})
    with pytest.raises(TrainingError, match="holds numbers in the training cohort"):
        models.of(words)


def test_a_nomogram_adds_up_to_the_models_prediction() -> None:
    """Intercept and contributions of a case are its log odds; the figures hold a line for each predictor."""
    training = cohort("training", 1, 1.0)
    models, added = fit_clinical_models(training, COLUMNS)
    intercept, effects = models.effects()
    assert [effect.name for effect in effects] == ["age", "grade", SIGNATURE]
    assert effects[1].values == ("1", "2", "3")
    case = models.training.iloc[[0]]
    by_hand = intercept
    for effect in effects:
        if effect.name == "grade":
            by_hand += dict(zip(effect.values, effect.contributions, strict=True))[case["grade"].iloc[0]]
        else:
            span = models.training[effect.name].min(), models.training[effect.name].max()
            by_hand += np.interp(case[effect.name].iloc[0], np.linspace(*span, 5), effect.contributions)
    assert expit(by_hand) == pytest.approx(models.combined.predict_proba(case)[0, 1], abs=1e-9)
    figure = nomogram(intercept, [(effect.name, effect.values, effect.contributions) for effect in effects])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"points", "age", "grade", "total", "combined score"} <= set(texts)
    assert len(net_benefits({"training": added.curves()}).axes[0].lines) == 4


def test_columns_that_the_training_lacks_are_named() -> None:
    """And a training cohort with too few cases is refused."""
    with pytest.raises(TrainingError, match="no column menopause"):
        fit_clinical_models(cohort("training", 1, 1.0), ("age", "menopause"))
    with pytest.raises(TrainingError, match="expected 10 of each"):
        fit_clinical_models(cohort("training", 1, 1.0, cases=20), COLUMNS)


def test_subgroups_have_their_calibration() -> None:
    """Slope and intercept with their intervals where five cases of each class are in the group."""
    scored = cohort("training", 1, 1.0)
    scored.cases["site"] = ["small"] * 6 + ["large"] * 294
    table = subgroup_table(scored, ("site",), 20).set_index("value")
    assert np.isfinite(table.loc["large", ["calibration_slope", "calibration_slope_low"]].astype(float)).all()
    assert table.loc["large", "calibration_slope_low"] < 1 < table.loc["large", "calibration_slope_high"]
    assert np.isnan(table.loc["small", "calibration_slope"])
