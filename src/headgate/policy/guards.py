"""What guards a release: what headgate.yaml may say of errors, latency, predictions, quality, business and cost."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from headgate.policy.line import MetricName
from headgate.policy.part import Part, Text
from headgate.policy.span import Span

Role = Literal["required", "advisory"]
Weight = Annotated[float | None, Field(gt=0, le=1)]
ROLE = "required: it must be sound before a release moves on, and its harm rolls back; advisory: it is only shown."
WEIGHT = "Its part of `alpha`; null: an equal part of what the others leave (errors: 0.4, where nothing is said)."
MATURITY = "After how long an outcome is due: a request is judged then, and outcomes that come later are left out."
BusinessMetric = Literal["accuracy", "precision", "recall", "conversion", "mean", "absolute_error"]


class ErrorGuard(Part):
    """The share of requests that fail."""

    role: Role = Field("required", description=ROLE)
    ratio: float = Field(2.0, gt=1, description="Up to how many times the champion's error rate is no harm.")
    absolute: float = Field(
        0.01, gt=0, lt=1, description="To a champion without errors: up to which error rate is no harm."
    )
    at_most: float | None = Field(
        None, gt=0, lt=1, description="An error rate above it is never sound, and harm where the champion's is lower."
    )
    weight: Weight = Field(None, description=WEIGHT)


class LatencyGuard(Part):
    """How long answers take."""

    role: Role = Field("required", description=ROLE)
    ratio: float = Field(1.3, gt=1, description="Up to how many times the champion's P95 is no harm.")
    floor_ms: float = Field(5, ge=0, description="A P95 below this is no harm, whatever the champion's is.")
    p99_ms: float | None = Field(
        None, gt=0, description="A P99 above it is never sound, and harm where the champion's is lower; null: none."
    )
    weight: Weight = Field(None, description=WEIGHT)


class PredictionGuard(Part):
    """How the distribution of the answers differs from the champion's."""

    role: Role = Field("advisory", description=ROLE)
    largest_shift: float = Field(
        0.1, gt=0, lt=1, description="Largest distance between the two distributions (Kolmogorov-Smirnov, 0 to 1)."
    )
    weight: Weight = Field(None, description=WEIGHT)


class QualityGuard(Part):
    """A metric of the task on shadowed requests, both models on the same ones, once their outcomes are known."""

    role: Role = Field("required", description=ROLE)
    metric: MetricName = Field(description="A metric of the model's task.")
    margin: float = Field(gt=0, description="How much worse still counts as no worse, in the metric's unit.")
    maturity: Span = Field(timedelta(hours=1), description=MATURITY)
    weight: Weight = Field(None, description=WEIGHT)


class BusinessGuard(Part):
    """An effect on the outcomes of each arm's own requests, once they are known."""

    role: Role = Field("required", description=ROLE)
    metric: BusinessMetric = Field(description="What is compared; mean: of `column`.")
    column: Text | None = Field(None, description="Number that comes with an outcome (metric mean).")
    better: Literal["higher", "lower"] = Field("higher", description="Which way is better (metrics mean, conversion).")
    margin: float = Field(gt=0, description="How much worse still counts as no worse, in the metric's unit.")
    maturity: Span = Field(timedelta(hours=1), description=MATURITY)
    weight: Weight = Field(None, description=WEIGHT)


class CostGuard(Part):
    """What a prediction costs in processor time, at like batches; judged where the version answers clients."""

    role: Role = Field("advisory", description=ROLE)
    ratio: float = Field(1.5, gt=1, description="Up to how many times the champion's cost is no harm.")
    price_per_hour: float | None = Field(
        None, gt=0, description="Price of an hour of one processor, to show costs as money; null: as microseconds."
    )
    weight: Weight = Field(None, description=WEIGHT)


Guard = ErrorGuard | LatencyGuard | PredictionGuard | QualityGuard | BusinessGuard | CostGuard


class GuardPolicy(Part):
    """What is watched while a release runs; null: this one is not."""

    errors: ErrorGuard | None = Field(ErrorGuard(), description="The share of requests that fail.")
    latency: LatencyGuard | None = Field(LatencyGuard(), description="How long answers take.")
    predictions: PredictionGuard | None = Field(PredictionGuard(), description="The distribution of the answers.")
    quality: QualityGuard | None = Field(None, description="A metric on shadowed requests whose outcome is known.")
    cost: CostGuard | None = Field(None, description="What a prediction costs.")
    business: dict[Text, BusinessGuard] = Field(
        default_factory=dict, description="Effects on the outcomes of each arm's requests, by a name of your own."
    )

    @property
    def named(self) -> Mapping[str, Guard]:
        """Every guard that is watched, by name."""
        fixed: dict[str, Guard | None] = {
            "errors": self.errors,
            "latency": self.latency,
            "predictions": self.predictions,
            "quality": self.quality,
            "cost": self.cost,
            **self.business,
        }
        return {name: guard for name, guard in fixed.items() if guard is not None}

    @property
    def weights(self) -> Mapping[str, float]:
        """The part of `alpha` that each required guard has; they sum to 1 where any is left open.

        Advisory guards are shown at the same level as if they stood alone, and spend nothing: they never decide.
        """
        required = {name: guard.weight for name, guard in self.named.items() if guard.role == "required"}
        if "errors" in required and len(required) > 1 and all(weight is None for weight in required.values()):
            required["errors"] = 0.4
        given = sum(weight for weight in required.values() if weight is not None)
        unsaid = sum(weight is None for weight in required.values())
        left = max(1 - given, 0) / unsaid if unsaid else 0
        return {name: left if weight is None else weight for name, weight in required.items()}
