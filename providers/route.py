"""The providers that may run a request, and the input that each would use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from providers.inputs.normalise import normalise
from providers.inputs.validate import InvalidInput, admit
from providers.spec import FILE_TYPES, ModelSpec, ParamType


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that can run: the input as each provider that takes it would use it, in the order of asking.

    It is empty if all providers of the model are switched off.
    """

    inputs: Mapping[str, dict[str, object]]

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that take the input, in order."""
        return tuple(self.inputs)


@dataclass(frozen=True, slots=True)
class Route:
    """The providers that are asked for a model, in order, with the model as each declares it; none if all are off."""

    models: Mapping[str, ModelSpec]

    @property
    def providers(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.models)

    @property
    def files(self) -> dict[str, ParamType]:
        """The parameters that take files at any of them, and their types: that of images, where it is one at any."""
        found: dict[str, ParamType] = {}
        for model in self.models.values():
            for name, kind in model.file_params.items():
                if FILE_TYPES.get(found.get(name, "file")) != "image":
                    found[name] = kind
        return found

    def admit(self, given: object) -> Admission:
        """Check a request's ``input`` once for each provider, and fill in what it leaves open.

        Providers of one model may take different parameters: those that do not take the input are passed over.

        Raises:
            InvalidInput: No provider takes the input; has the faults that the first one finds.
        """
        inputs: dict[str, dict[str, object]] = {}
        refused: list[InvalidInput] = []
        for provider, model in self.models.items():
            try:
                inputs[provider] = admit(model, given)
            except InvalidInput as error:
                refused.append(error)
        if refused and not inputs:
            raise refused[0]
        return Admission(inputs)

    def prepare(self, provider: str, given: Mapping[str, object]) -> dict[str, object]:
        """An admitted input as one provider would use it, by the configuration of this process."""
        return normalise(self.models[provider], given)
