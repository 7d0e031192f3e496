"""The steps of a function that works step by step: pictures on the way, and the text so far. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from media import Kind
from providers.errors import Protocol
from providers.events import File, Partial, Preview
from providers.gradio.answers import diff
from providers.gradio.answers.answer import matched, read_answer, result
from providers.gradio.answers.files import Stored, leaves_value
from providers.gradio.components.table import read
from providers.gradio.endpoints import Output

#: Longest text that is shown as it comes, in characters.
PARTIAL_LIMIT: Final = 64 << 10


class Steps:
    """Reads the steps of one call.

    Args:
        outputs: The components of the function.
        kind: Of the wanted outputs: only of texts the text so far is told.
        diffs: Whether steps after the first come as changes.
        file: Makes a file of what a step shows.
    """

    def __init__(
        self, outputs: Sequence[Output], kind: Kind, file: Callable[[Stored], File], *, diffs: bool = False
    ) -> None:
        self._outputs = outputs
        self._kind = kind
        self._file = file
        self._diffs = diffs
        self._data: tuple[object, ...] | None = None
        #: What the app's page shows.
        self._page: tuple[object, ...] = ()
        self._shown: Stored | None = None
        self._said = ""

    def feed(self, data: tuple[object, ...]) -> Iterator[Preview | Partial]:
        """Read one step: full outputs, or changes to the last ones."""
        known = self._data if self._diffs else None
        self._data = data if known is None else diff.apply(known, data)
        self._page = self.settled(self._data)
        values = [None if item is diff.LOST else item for item in self._page]
        if self._kind == "text":
            yield from self._text(values)
        yield from self._picture(values)

    def settled(self, data: tuple[object, ...]) -> tuple[object, ...]:
        """Outputs as the app's page shows them: an update without a value leaves what an earlier step has shown.

        Many functions end so: the last step only frees a button, or says that nothing changes (``gr.skip()``).
        """
        if len(self._page) != len(data):
            return data
        return tuple(
            before if leaves_value(item) and before is not diff.LOST else item
            for before, item in zip(self._page, data, strict=True)
        )

    def _picture(self, values: Sequence[object]) -> Iterator[Preview]:
        for output, value in zip(matched(values, self._outputs), values, strict=True):
            # What has a label of its own is a part of a picture, such as a mask. In a list the newest is the last.
            pictures = [one.file for one in read(output, value).found if one.kind == "image" and not one.label]
            if not pictures or pictures[-1] is None:
                continue
            if pictures[-1] != self._shown:
                self._shown = pictures[-1]
                yield Preview(self._file(pictures[-1]))
            return

    def _text(self, values: Sequence[object]) -> Iterator[Partial]:
        try:
            found = result(read_answer(values, self._outputs), "text")
        except Protocol:
            return
        text = next((str(one.value) for one in found if one.kind == "text"), "")[:PARTIAL_LIMIT]
        if text.strip() and text != self._said:
            self._said = text
            yield Partial(text)
