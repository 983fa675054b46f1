"""The search space: everything that a file in `search_spaces/` may say, and which parameters a choice brings in.

A parameter is a range (`low`, `high`), a list of `choices` or a constant `value`. With `when` it exists only if other
parameters hold certain values. The same name may be stated several times with different conditions, so that methods can
search different ranges. `high = "layers"` is the backbone's number of layers. The module knows the laws of a space, not
how values are proposed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from ptune.errors import nearest
from ptune.spec.idle import NEEDS, Need
from ptune.spec.parameter import Parameter, ParameterName, as_list
from ptune.spec.problem import Problem, refuse
from ptune.spec.prompt import METHODS
from ptune.spec.reach import ABSENT, Reach, Value, both, conditions
from ptune.spec.strict import Strict, refusal
from ptune.spec.trial import DEFAULT_METHOD, Config, Scalar, TrialSpec, broken_law, defaults, parameter_names


class Space(Strict):
    """A search space, as written in one TOML file."""

    parameters: dict[ParameterName, list[Parameter]]
    """Each parameter's definitions; `[parameters.lr]` states one, `[[parameters.lr]]` several with conditions."""
    baseline: list[dict[str, Scalar | None]] = Field(default_factory=list)
    """Configurations that are tried first, in order. Parameters that they leave out are proposed."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _single_or_several(cls, parameters: Any) -> Any:
        if not isinstance(parameters, dict):
            return parameters
        return {name: written if isinstance(written, list) else [written] for name, written in parameters.items()}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        problems = (
            self._strange_methods()
            or self._wrong_conditions()
            or self._circles()
            or [*self._overlaps(), *self._impossible()]
            or self._idle()
        )
        if problems:
            raise refusal(type(self), problems)
        return self

    def _wrong_conditions(self) -> list[Problem]:
        return [
            Problem(("parameters", name, index, "when"), law)
            for name, definitions in self.parameters.items()
            for index, definition in enumerate(definitions)
            for key, allowed in definition.when.items()
            for law in self._wrong_condition(key, as_list(allowed))
        ]

    def _wrong_condition(self, key: str, allowed: list[Scalar]) -> list[str]:
        if key not in self.parameters:
            return [f"names {key}, which this space does not define{nearest(key, self.parameters)}"]
        if any(definition.low is not None for definition in self.parameters[key]):
            return [f"needs a parameter with choices, and {key} is a range"]
        possible = [value for definition in self.parameters[key] for value in definition.possible()]
        never = f"which is never chosen (choices: {possible})"
        return [f"asks for {key} = {value!r}, {never}" for value in allowed if value not in possible]

    def _circles(self) -> list[Problem]:
        try:
            self.ordered()
        except ValueError as error:
            return [Problem(("parameters",), str(error))]
        return []

    def _overlaps(self) -> list[Problem]:
        reach = self.reach()
        problems: dict[str, str] = {}
        for name, definitions in self.parameters.items():
            for pair in combinations(definitions, 2):
                wants = both(*map(conditions, pair))
                branch = None if wants is None else reach.example(wants)
                if branch is not None:
                    chosen = ", ".join(f"{key} = {value!r}" for key, value in branch.items()) or "every choice"
                    problems.setdefault(name, f"two of its definitions hold at once under {chosen}")
        return [Problem(("parameters", name), law) for name, law in problems.items()]

    def _strange_methods(self) -> list[Problem]:
        """Methods that there are not."""
        return [
            Problem(("parameters", "method", index, key), law)
            for index, definition in enumerate(self.parameters.get("method", []))
            for key, value in [*definition.stated(), *[("choices", None)] * (None in definition.possible())]
            if (law := broken_law(DEFAULT_METHOD, "method", value)) is not None
        ]

    def _impossible(self) -> list[Problem]:
        """Names and values for which every trial that meets them would be rejected."""
        problems: list[Problem] = []
        for (name, index), methods in self.methods_met().items():
            definition = self.parameters[name][index]
            owners = [method for method in methods if name in parameter_names(method)]
            if owners != methods:
                problems.append(Problem(("parameters", name, index), _strange_to(name, methods, owners)))
            problems += [
                Problem(("parameters", name, index, key), law)
                for key, value in definition.stated()
                if (law := _law_of_some(name, value, owners)) is not None
            ]
        return problems

    def _idle(self) -> list[Problem]:
        """Definitions that exist in trials in which they do nothing, so that every such trial would be rejected."""
        if self.listed:
            return []
        problems: dict[tuple[str, int], Problem] = {}
        for method, need in product(self.methods, NEEDS):
            at_rest = defaults(method)
            if not {need.name, need.beside} <= at_rest.keys():
                continue
            for index, definition in enumerate(self.parameters.get(need.name, [])):
                if any(value != at_rest[need.name] for _, value in definition.stated()):
                    value = self._idle_beside(need, definition, method, at_rest)
                    if value is not None:
                        problem = Problem(("parameters", need.name, index), self._in_vain(need, value))
                        problems.setdefault((need.name, index), problem)
        return list(problems.values())

    def _idle_beside(self, need: Need, definition: Parameter, method: str, at_rest: Config) -> Value:
        """What a parameter stands beside in some trials of a method without doing anything; None if it always acts."""
        reach = self.reach()
        if not need.values:
            beside: list[tuple[Value, Value]] = [(ABSENT, ABSENT)]
        else:
            present = [(value, value) for value in reach.values(need.beside) if not need.met(value)]
            beside = [*present, *([] if need.met(at_rest[need.beside]) else [(ABSENT, at_rest[need.beside])])]
        for wanted, value in beside:
            if reach.is_met(
                both(conditions(definition), {"method": _holding(method)}, {need.beside: frozenset([wanted])})
            ):
                return value
        return None

    def _in_vain(self, need: Need, value: Value) -> str:
        """The message that a parameter does nothing beside a value, with what the author may have meant."""
        beside = self.parameters.get(need.beside, [])
        if not need.values:
            hint = f"give it the `when` of {need.beside}" if beside else f"state {need.beside}, or leave it out"
            return f"{need.name} does nothing without {need.beside}; {hint}"
        law = f"{need.name} does nothing under {need.beside} = {value!r}"
        fitting = [value for value in need.values if any(value in definition.possible() for definition in beside)]
        if not fitting:
            return f"{law}, and the space chooses no {need.beside} with which it does ({', '.join(need.values)})"
        return f"{law}; add `when = {{ {need.beside} = {json.dumps(fitting[0] if len(fitting) == 1 else fitting)} }}`"

    def reach(self) -> Reach:
        """Which values its parameters can hold together.

        Raises:
            ValueError: conditions form a circle.
        """
        return Reach(self.ordered())

    def methods_met(self) -> dict[tuple[str, int], list[str]]:
        """The methods of the trials in which each definition, given by name and position, can exist."""
        reach, methods = self.reach(), self.methods
        return {
            (name, index): [
                method for method in methods if reach.is_met(both(conditions(definition), {"method": _holding(method)}))
            ]
            for name, definitions in self.parameters.items()
            for index, definition in enumerate(definitions)
        }

    @property
    def methods(self) -> list[str]:
        """The methods that trials may have."""
        reach = self.reach()
        stated = [value for value in map(str, reach.values("method")) if value in METHODS]
        return [
            method for method in dict.fromkeys([*stated, DEFAULT_METHOD]) if reach.is_met({"method": _holding(method)})
        ]

    def values_under(self, method: str, name: str) -> set[Scalar]:
        """Every value stated for a parameter where it exists under a method: choices, constants, ends of ranges."""
        return {
            value
            for (defined, index), methods in self.methods_met().items()
            if defined == name and method in methods
            for _, value in self.parameters[name][index].stated()
        }

    def always_has(self, method: str, name: str) -> bool:
        """Whether a parameter holds a value in every trial of a method."""
        return self._always_states(method, name) or defaults(method).get(name) is not None

    def values_in_trials(self, method: str, name: str) -> set[Scalar]:
        """The values under a method, and the parameter's default where a trial may leave it out."""
        default = defaults(method).get(name)
        stated = self.values_under(method, name)
        return stated if default is None or self._always_states(method, name) else {*stated, default}

    def _always_states(self, method: str, name: str) -> bool:
        missing = {"method": _holding(method), name: frozenset([ABSENT, None])}
        return name in self.parameters and not self.reach().is_met(missing)

    @property
    def tunes(self) -> bool:
        """Whether a trial may train the backbone, too."""
        return any(definition.stated() for definition in self.parameters.get("backbone_lr", ()))

    @property
    def listed(self) -> bool:
        """Whether it was made from complete configurations, whose choices hold None; no others are tried."""
        return any(
            None in (definition.choices or ()) for definitions in self.parameters.values() for definition in definitions
        )

    def ordered(self) -> list[tuple[str, Parameter]]:
        """Every definition, each after those its condition names.

        Raises:
            ValueError: conditions form a circle.
        """
        result: list[tuple[str, Parameter]] = []
        placed: set[str] = set()
        waiting = dict(self.parameters)
        while waiting:
            ready = [
                name
                for name, definitions in waiting.items()
                if all(key in placed for definition in definitions for key in definition.when)
            ]
            if not ready:
                raise ValueError(f"the conditions of {sorted(waiting)} depend on each other in a circle")
            for name in ready:
                result += [(name, definition) for definition in waiting.pop(name)]
                placed.add(name)
        return result

    def resolved(self, layers: int) -> Space:
        """The space with "layers" replaced by the backbone's number of layers.

        Raises:
            SpecError: the space does not fit the backbone, see `problems_on`; one line for each problem.
        """
        refuse(self.problems_on(layers), separator="\n")
        return self.on_layers(layers)

    def problems_on(self, layers: int) -> list[Problem]:
        """Ranges that are empty on a backbone of some layers, or without what is expected of them.

        Where there are none, baseline points outside the space.
        """
        broken = [
            Problem(("parameters", name, index), law)
            for name, definitions in self.parameters.items()
            for index, definition in enumerate(definitions)
            if (law := definition.broken_on(layers)) is not None
        ]
        if broken:
            return broken
        space = self.on_layers(layers)
        return [
            problem.within("baseline", number)
            for number, point in enumerate(self.baseline)
            for problem in space.misfits(point)
        ]

    @property
    def expected(self) -> list[str]:
        """The parameters of which some values are expected to be better than others."""
        return [name for name, ways in self.parameters.items() if any(definition.is_expected for definition in ways)]

    @property
    def searched(self) -> list[str]:
        """The parameters that can take several values, as they are written, each after those it depends on."""
        return [name for name in _after_needed(self.parameters) if _several(self.parameters[name])]

    def on_layers(self, layers: int) -> Space:
        """The space with "layers" replaced by a number that leaves no range empty; baseline points are not checked."""
        parameters = {
            name: [definition.on_layers(layers) for definition in definitions]
            for name, definitions in self.parameters.items()
        }
        return Space(parameters=parameters, baseline=self.baseline)

    def misfits(self, point: Config) -> list[Problem]:
        """The laws that a baseline point breaks in this space, in which no bound is "layers"."""
        problems: list[Problem] = []
        active: dict[str, Scalar | None] = {}
        for name, definition in self.ordered():
            if definition.applies(active):
                active[name] = point.get(name, definition.value)
                if name in point and not definition.contains(point[name]):
                    problems.append(Problem((name,), f"{name} = {point[name]!r} lies outside its range"))
        for name in point:
            if name not in active:
                hint = nearest(name, self.parameters)
                problems.append(Problem((name,), f"{name} does not exist under this point's choices{hint}"))
        method_is_known = "method" not in self.parameters or active.get("method") is not None
        if not problems and method_is_known:
            _, problems = TrialSpec.read({key: value for key, value in active.items() if value is not None})
        return problems

    def held(self, point: Config) -> Config:
        """What is known at a point: its own values, and the constants that exist beside them."""
        known: dict[str, Scalar | None] = {}
        for name, definition in self.ordered():
            value = definition.value if definition.value is not None else point.get(name)
            if value is not None and definition.applies(known):
                known[name] = value
        return known

    def decided(self, point: Config) -> Config:
        """The parameters that a trial has at a point, but those that are left to the sampler.

        A parameter has the point's value, its constant or, where the space does not state it, its method's default.
        """
        held = self.held(point)
        left = {
            name
            for name, definitions in self.parameters.items()
            if name not in held and any(definition.applies(held) for definition in definitions)
        }
        known = {**defaults(str(held.get("method", DEFAULT_METHOD))), **held}
        return {name: value for name, value in known.items() if name not in left}

    def inside(self, config: Config) -> Config:
        """What of a configuration this space proposes; nothing where the rest of it breaks a law.

        No bound may be "layers".
        """
        chosen: dict[str, Scalar | None] = {}
        point: dict[str, Scalar | None] = {}
        for name, definition in self.ordered():
            if not definition.applies(chosen):
                continue
            if definition.value is not None:
                chosen[name] = definition.value
            elif config.get(name) is not None and definition.contains(config[name]):
                chosen[name] = point[name] = config[name]
        return {} if self.misfits(point) else point


def _after_needed(parameters: Mapping[str, Sequence[Parameter]]) -> list[str]:
    """The names as they stand, but those that conditions need before those that need them; there are no circles."""
    placed: dict[str, None] = {}

    def place(name: str) -> None:
        for needed in (key for definition in parameters[name] for key in definition.when):
            place(needed)
        placed.setdefault(name)

    for name in parameters:
        place(name)
    return list(placed)


def _holding(method: str) -> frozenset[Value]:
    """What the parameter `method` holds in trials of a method."""
    return frozenset([method, ABSENT] if method == DEFAULT_METHOD else [method])


def _several(definitions: Sequence[Parameter]) -> bool:
    """Whether there are several values among a parameter's definitions."""
    values = {repr(value) for definition in definitions for value in definition.possible() if value is not None}
    ranges = [definition for definition in definitions if definition.low is not None]
    ends = {repr(end) for definition in ranges for end in (definition.low, definition.high)}
    return len(values | ends) > 1


def _strange_to(name: str, methods: list[str], owners: list[str]) -> str:
    """The message that a method does not have a parameter, with what the author may have meant."""
    stranger = next(method for method in methods if method not in owners)
    law = f"{name} is not a parameter of method {stranger!r}"
    if owners:
        return f"{law}; add `when = {{ method = {json.dumps(owners[0] if len(owners) == 1 else owners)} }}`"
    having = [method for method in METHODS if name in parameter_names(method)]
    return f"{law}, and the space chooses no method that has it ({', '.join(having)})"


def _law_of_some(name: str, value: Scalar, methods: list[str]) -> str | None:
    """The law that a value breaks under some of the methods, with their names unless it is all of them."""
    laws = {method: law for method in methods if (law := broken_law(method, name, value)) is not None}
    if not laws:
        return None
    law = max(laws.values(), key=len)
    if len(laws) == len(methods):
        return law
    return f"{law} under method {' and '.join(map(repr, laws))}; state {name} for each method, with `when`"
