"""A text that grows, for clients that can only add to what they have got. Pure."""

from __future__ import annotations

from jobs.events import Wrote


class GrowingText:
    """What has been sent of a text, and what may follow.

    Apps write their newest words anew: a cursor at the end, or "thinking…" until the answer comes. So only what has stayed
    through one change is sent, without the white space at its ends; the rest comes with the whole text.

    Args:
        begun: The text so far, where the job has one already.
    """

    def __init__(self, begun: str = "") -> None:
        self.sent = ""
        self._now = begun

    def wrote(self, event: Wrote) -> str:
        """What to add now; often nothing."""
        stayed = self._now[: event.kept]
        self._now = stayed + event.text
        text = stayed.strip()
        if not text.startswith(self.sent):
            # It was rewritten after all: the whole text says whether what was sent is right.
            return ""
        more = text[len(self.sent) :]
        self.sent = text
        return more

    def rest(self, whole: str) -> str | None:
        """What to add at the end; None: what was sent is not how the text begins."""
        text = whole.lstrip()
        if not text.startswith(self.sent):
            return None
        more = text[len(self.sent) :]
        self.sent = text
        return more
