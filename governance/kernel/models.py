"""The base class of what queries return."""

from pydantic import BaseModel, ConfigDict


class ReadModel(BaseModel):
    """What a query returns: frozen, and at once the API's schema and the command line's JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)
