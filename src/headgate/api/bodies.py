"""What can be asked for: the bodies of requests that decide. An unknown key is refused."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[^\x00]*$")]
Why = Annotated[  # no database keeps a NUL in a text
    str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True, pattern=r"^[^\x00]*$")
]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float | None, Field(ge=0, le=1_000_000_000)]


class Body(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid")

    because: Why = Field(description="Why; kept in the journal.")


class Signature(BaseModel):
    """What a person's own key made of a draft. The private key stays where it is: there is no field for one."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime = Field(description="The draft's `at`.")
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$", description="The draft's `nonce`.")
    key_id: str = Field(pattern=r"^ed25519:[0-9a-f]{16}$", description="Of the key that signed.")
    signature: str = Field(max_length=128, description="Base64 of the Ed25519 signature of the draft's `payload`.")

    @property
    def when(self) -> datetime:
        """The time, as it was written."""
        return self.at


class Ballot(Body):
    """A yes or no; without a signature it is unauthenticated."""

    signed: Signature | None = Field(None, description="The signature of a draft with this very `because`.")


class Say(Body):
    """What a person says of a release that runs."""


class Start(Body):
    """A release: of one version, or of the arms of an A/B test."""

    version: Name | None = Field(None, description="The version; null: there are `arms`.")
    arms: dict[Name, Name] = Field(default_factory=dict, max_length=32, description="Arm of an A/B test to version.")
    per_second: Rate = Field(None, description="Requests per second that are expected; null: those of the last hour.")
    dry_run: bool = Field(False, description="Say what each rung needs, and start nothing.")  # noqa: FBT003


class Promote(Body):
    """A version that is to be champion."""

    version: Name = Field(description="The version.")
    now: bool = Field(False, description="At once, unjudged: no release; `because` says why.")  # noqa: FBT003
    per_second: Rate = Field(None, description="Requests per second that are expected; null: those of the last hour.")
    override: Why | None = Field(None, description="Set the rules aside, and why; needs the role admin.")


class RollBack(Body):
    """An earlier champion that is to come back."""

    to: Name | None = Field(None, description="The version; null: the champion before the present one.")
    override: Why | None = Field(None, description="Set the rules aside, and why; needs the role admin.")


class SetRoute(Body):
    """Shares of the traffic."""

    shares: dict[Name, Share] = Field(min_length=1, max_length=32, description="Arm name to share; they sum to 1.")
    versions: dict[Name, Name] = Field(default_factory=dict, max_length=64, description="Arm or shadow to version.")
    shadows: dict[Name, Share] = Field(default_factory=dict, max_length=32, description="Shadow name to fraction.")
    lease_seconds: float | None = Field(
        None, gt=0, le=31_536_000, description="How long the shares hold; null: as the policy says."
    )
    override: Why | None = Field(None, description="Set the rules aside, and why; needs the role admin.")
