"""What headgate.yaml may say about an ensemble: other models of the project, asked in one request."""

from typing import Annotated, Literal

from pydantic import Field

from headgate.policy.part import Name, Part, Text

MEAN, WEIGHTED = "mean", "weighted"
WAYS = (MEAN, WEIGHTED)


class MemberPolicy(Part):
    """One model that an ensemble asks."""

    model: Name = Field(description="Another model of the project; may itself be an ensemble.")
    version: Literal["champion"] | Annotated[int, Field(ge=1)] = Field(
        "champion", description="Its version: `champion` (whichever is when the ensemble is trained) or a number."
    )
    inputs: dict[Text, Text] = Field(
        default_factory=dict,
        description="The member's input -> a column of the ensemble, or `MEMBER.OUTPUT` of another member; "
        "an input that is left out takes the column of its name.",
    )


class EnsemblePolicy(Part):
    """Several models asked in one request: nothing is fitted, versions of the members are pinned."""

    members: dict[Name, MemberPolicy] = Field(min_length=1, description="The models that are asked, by a name here.")
    combine: Text = Field(
        MEAN,
        description="`mean` of the members that no other member reads, `weighted`, or a Python file of the project "
        "that holds `def combine(columns)`.",
    )
    weights: dict[Name, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="For `weighted`: member -> weight; they are divided by their sum."
    )
