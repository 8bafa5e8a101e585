"""How a version becomes champion: what headgate.yaml may say of a release."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from headgate.policy.freeze import Freeze
from headgate.policy.guards import GuardPolicy
from headgate.policy.part import Part
from headgate.policy.span import Span

ArmName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
HALF_HOUR, DAY = timedelta(minutes=30), timedelta(days=1)


class ShadowPolicy(Part):
    """The first rung: copies of live requests, and nobody sees the answers."""

    fraction: float = Field(1.0, gt=0, le=1, description="Share of the requests that are copied.")
    requests: int = Field(1000, ge=1, description="At least so many copies are judged.")
    duration: Span = Field(timedelta(minutes=10), description="At least so long.")
    patience: Span = Field(DAY, description="At most so long without an answer.")
    largest_disagreement: float | None = Field(
        None, gt=0, lt=1, description="Largest share of copies on which the two differ in what they decide; null: any."
    )


class RungPolicy(Part):
    """A share of the traffic for the challenger."""

    share: float = Field(gt=0, lt=1, description="The challenger's share.")
    hold: Span = Field(HALF_HOUR, description="At least so long, however good it looks.")
    patience: Span = Field(DAY, description="At most so long without an answer.")


class AbPolicy(Part):
    """An A/B test: fixed shares until one arm is known to be better, or the horizon."""

    arms: dict[ArmName, float] = Field(
        default_factory=lambda: {"champion": 0.5, "challenger": 0.5},
        min_length=2,
        description="Shares by arm, the champion among them; they sum to 1.",
    )
    decide: str = Field(description="The guard of `guards.business` by which an arm is better.")
    hold: Span = Field(DAY, description="At least so long, however good it looks.")
    horizon: Span = Field(timedelta(days=14), description="Undecided for so long, the champion stays.")
    bandit: Literal["thompson"] | None = Field(
        None, description="thompson: shares follow what is known so far (Thompson sampling); null: they are fixed."
    )
    least: float = Field(0.05, gt=0, lt=0.5, description="With a bandit: no arm gets less than this.")
    every: Span = Field(timedelta(minutes=10), description="With a bandit: how often shares follow.")


class ReleasePolicy(Part):
    """How a version becomes champion."""

    strategy: Literal["canary", "blue_green", "ab"] = Field(
        "canary", description="canary: shadow, rungs, all; blue_green: shadow, all at once; ab: an A/B test."
    )
    shadow: ShadowPolicy | None = Field(ShadowPolicy(), description="The first rung; null: none.")
    rungs: tuple[RungPolicy, ...] = Field(
        (RungPolicy(share=0.05), RungPolicy(share=0.25)),
        min_length=1,
        description="The shares of a canary, in order; after the last the challenger has everything.",
    )
    ab: AbPolicy | None = Field(None, description="The A/B test (strategy ab).")
    guards: GuardPolicy = Field(GuardPolicy(), description="What is watched.")
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="How often, at most, a version that is no worse is called harm: all guards."
    )
    on_unsure: Literal["ask", "roll_back"] = Field(
        "ask", description="When a rung's patience is over without an answer: ask a person, or roll back."
    )
    ask_for: Span = Field(DAY, description="A question that nobody answers for so long rolls back.")
    pause_for: Span = Field(timedelta(days=7), description="A pause by a person that lasts longer rolls back.")
    second_release: Literal["wait", "replace"] = Field(
        "wait", description="What a release does that starts while another one of the model runs."
    )
    freeze: tuple[Freeze, ...] = Field(
        (),
        description="When nothing moves on: `Fri 16:00 - Mon 08:00 Europe/Berlin`, `2026-12-24 - 2027-01-01`. "
        "Rolling back is never frozen.",
    )
    watch: Span = Field(DAY, description="After the promotion the guards stay on, and the old champion warm, so long.")
    watch_copies: float = Field(
        0.05, ge=0, le=1, description="Share of the requests that the old champion gets copies of meanwhile."
    )
    renew: Span = Field(timedelta(seconds=15), description="How often the controller renews `serving.lease`.")
