"""What a request gives to a function: its values and its files, uploaded, by the names in the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from providers.gradio.answers.file_transfer import FileTransfer
from providers.gradio.naming import Several
from providers.spec import FILE_TYPES, InputFile, ModelSpec, ProviderRequest

_EDITOR: Final = "imageeditor"


def gather(
    transfer: FileTransfer,
    request: ProviderRequest,
    model: ModelSpec,
    values: Mapping[str, object],
    names: Iterable[tuple[str, str]],
    component: Callable[[str], str],
) -> dict[str, object]:
    """The values to send; those of several parameters for one input of the app stand together, in their order.

    Args:
        transfer: Uploads the files.
        request: Has the files.
        model: Says which of our parameters are files.
        values: By our names.
        names: Our parameters, each with its name in the app.
        component: Tells the component of a name in the app.

    Raises:
        Rejected: The app refuses a file, or the layers of a picture have another size than it.
    """
    found: dict[str, list[object]] = {}
    for ours, theirs in names:
        param = model.param(ours)
        if param is not None and param.type in FILE_TYPES:
            found.setdefault(theirs, []).extend(_files(request, ours))
        elif ours in values:
            found.setdefault(theirs, []).append(values[ours])
    for theirs, given in found.items():
        files = [value for value in given if isinstance(value, InputFile)]
        if len(files) > 1 and component(theirs) == _EDITOR:
            # Pillow is loaded where there is something to draw.
            from providers.inputs.layers import composite

            # The page draws the layers itself, and sends what it shows too.
            given.append(composite(files))
    return {
        theirs: Several(tuple(transfer.upload(one) if isinstance(one, InputFile) else one for one in given))
        for theirs, given in found.items()
    }


def _files(request: ProviderRequest, name: str) -> tuple[InputFile, ...]:
    one = request.files.get(name)
    return request.galleries.get(name, ()) if one is None else (one,)
