"""Errors of pydantic in one line: field, value, bounds, nearest valid name."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from autodip_ij._support.fields import explain
from autodip_ij.errors import BadInput


class Stops(BaseModel):
    model_config = ConfigDict(extra="forbid")
    start: Annotated[int, Field(ge=1)] = 1
    stop: int = 9

    @model_validator(mode="after")
    def _in_order(self):
        if self.stop < self.start:
            raise ValueError(f"stop {self.stop} lies before start {self.start}")
        return self


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth: tuple[Annotated[int, Field(le=10)], ...] = ()
    width: Annotated[int, Field(ge=1)] | str = 1
    effort: Literal["fast", "best"] = "fast"
    guides: str = ""
    stops: Stops = Stops()
    more: tuple[Stops, ...] = ()
    name: str

    @field_validator("guides")
    @classmethod
    def _known(cls, value):
        if value == "nml":
            raise BadInput("'nml' is no method; did you mean 'nlm'?")
        return value


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"dpeth": [1]}, "unknown key 'dpeth'; did you mean 'depth'?"),
        ({"depth": [1, 11]}, "depth: '11' is not possible (input should be less than or equal to 10)"),
        ({"width": 0}, "width: '0' is not possible (input should be greater than or equal to 1)"),
        ({"effort": "bst"}, "effort: 'bst' is not possible; did you mean 'best'?"),
        ({"guides": "nml"}, "guides: 'nml' is no method; did you mean 'nlm'?"),
        ({"stops": {"strat": 1}}, "unknown key 'stops.strat'; did you mean 'start'?"),
        ({"stops": {"start": 0}}, "stops.start: '0' is not possible (input should be greater than or equal to 1)"),
        ({"stops": {"start": 10}}, "stops: stop 9 lies before start 10"),
        ({"more": [{}, {"start": 0}]}, "more.start: '0' is not possible (input should be greater than or equal to 1)"),
        ({"name": None}, "name: 'None' is not possible (input should be a valid string)"),
    ],
)
def test_the_line_names_field_value_and_remedy(given, line):
    with pytest.raises(ValidationError) as caught:
        Search.model_validate({"name": "a", **given})
    assert explain(Search, caught.value, "key") == line


def test_what_is_missing_is_named():
    with pytest.raises(ValidationError) as caught:
        Search.model_validate({})
    assert explain(Search, caught.value) == "'name' is missing"


def test_parts_that_the_caller_names_are_left_to_it():
    with pytest.raises(ValidationError) as caught:
        Search.model_validate({"name": "a", "more": [{"strat": 1}]})
    assert explain(Stops, caught.value, "key", below=2) == "unknown key 'strat'; did you mean 'start'?"
