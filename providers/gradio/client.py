"""One Gradio app, as one attempt sees it: what drivers talk to."""

from __future__ import annotations

import mimetypes
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

import logs
from providers.base import Control
from providers.errors import Changed, Crashed, Denied, Protocol, ProviderError
from providers.events import File, InlineFile, ProviderEvent, Status
from providers.gradio import clean, files, zerogpu
from providers.gradio.directory import Directory
from providers.gradio.endpoints import App, arguments, parse_app
from providers.gradio.limits import DEFAULT_LIMITS, Limits
from providers.gradio.messages import loads
from providers.gradio.refusals import WRONG_LOGIN, Refusal
from providers.gradio.session import Answer
from providers.gradio.submission import Plan, Submission
from providers.gradio.transport import Refused, Transport
from providers.spec import InputFile

__all__ = ["Answer", "AppAddress", "GradioApp", "Limits", "Style"]

Style = Literal["call", "join"]

#: Seconds between two lines of a blocking call.
_TICK = 1.0
_NO_HEADERS: Final[Mapping[str, str]] = {}
_DIRECTORY: Final = Directory()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where an app is and how to get in.

    Args:
        base_url: ``https://x.hf.space`` or ``http://192.168.1.5:7860/sub``;
            what the server believes its own address to be is never used.
        referer: Sent with every request.
        login: User name and password of the app itself, where it has a login.
    """

    base_url: str
    referer: str | None = None
    login: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"AppAddress({_plain(self.base_url)!r})"


class GradioApp:
    """One Gradio app during one attempt: own connections, own cookies, no proxy from the environment.

    Use it in a ``with`` statement; files can be read until it is left.

    Args:
        address: Where it is.
        headers: Sent with every request to this app and to nobody else.
        cookies: A ``Cookie`` header to begin with.
        proxy: URL of a proxy for all requests.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.

    Raises:
        Rejected: A header is malformed.
    """

    def __init__(
        self,
        address: AppAddress,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        cookies: str | None = None,
        proxy: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
        control: Control,
    ) -> None:
        referer = {"Referer": address.referer} if address.referer else {}
        self._login = address.login
        self._limits = limits
        self._control = control
        self._transport = Transport(
            address.base_url,
            headers={**referer, **headers},
            cookies=cookies,
            proxy=proxy,
            limits=limits,
            control=control,
        )
        base = _plain(address.base_url)
        self._submission = Submission(self._transport, base=base, limits=limits, control=control, file=self.file)
        self._key = (base, address.login and address.login[0])
        self._entered = ExitStack()
        self._app: App | None = None

    def __enter__(self) -> Self:
        self._entered.callback(self._transport.close)
        try:
            self._entered.enter_context(self._control.closing(self._transport.reach.shut))
        except ProviderError:
            self._entered.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    def signature(self) -> Mapping[str, object]:
        """Fetch afresh what the app can be asked: function names with parameters and outputs, as stable JSON data.

        Raises:
            ProviderError: It cannot be asked.
        """
        self._log_in()
        self._app = _DIRECTORY.put(self._key, self._fetch())
        return self._app.signature()

    def call(
        self,
        api_name: str | None,
        arguments: Mapping[str, object],
        *,
        positional: Sequence[str] = (),
        style: Style = "call",
        fn_index: int | None = None,
        trigger_id: int | None = None,
        resume: Mapping[str, object] | None = None,
    ) -> Iterator[ProviderEvent | Answer]:
        """Run one function of the app.

        Args:
            api_name: ``/infer`` or ``infer``; None where only ``fn_index`` is known.
            arguments: By parameter name. Parameters that are not among them
                get the Space's own default, ``gr.State`` gets null.
            positional: Names in order, used only where the app tells no names.
            style: ``call`` or ``join``; where the app has only one of them, that one is used.
            fn_index: Used only where ``api_name`` is not found.
            trigger_id: Goes with ``fn_index``.
            resume: State of the last checkpoint of an earlier attempt.

        Yields:
            Checkpoint, Queued, Started, Status, Progress and Preview; an Answer last.

        Raises:
            Changed: The app has no such function, or other parameters, or runs Gradio 3.
            ProviderError: It ended without an answer.
        """

        def make() -> Plan:
            return _plan(self._known(), api_name, arguments, positional, style, fn_index, trigger_id)

        plan = self._planned(make)
        try:
            yield from self._submission.run(plan, resume)
        except Refused as answer:
            raise self._meaning(plan, make, answer.refusal) from None

    def predict(
        self, api_name: str | None, data: Sequence[object], *, fn_index: int, trigger_id: int | None = None
    ) -> Iterator[Status | Answer]:
        """Run one function by a blocking POST to ``/run``, outside the app's queue.

        Yields:
            Status lines while it runs; an Answer last.

        Raises:
            ProviderError: It ended without an answer.
        """
        yield Status("Acquiring GPU token")
        app = self._known()
        endpoint = app.find(api_name, fn_index)
        body = {
            "data": list(data),
            "fn_index": endpoint.fn_index,
            "trigger_id": trigger_id,
            "session_hash": secrets.token_hex(8),
            "event_data": None,
        }
        path = f"{app.prefix}/run/{quote(endpoint.api_name or 'predict', safe='')}"
        begun = time.monotonic()
        post = _Background(lambda: self._run(path, body))
        try:
            while not post.wait(_TICK):
                self._control.check()
                yield Status(f"Generating {time.monotonic() - begun:.2f} s")
        finally:
            post.stop(self._transport.reach.shut)
        answer = post.result()
        yield Status(f"Finished {time.monotonic() - begun:.2f} s")
        yield answer

    def upload(self, file: InputFile) -> dict[str, object]:
        """Bring a file to the app.

        Returns:
            The ``FileData`` to pass as an argument.

        Raises:
            Rejected: The app refuses it, mostly for its size.
            ProviderError: It could not be sent.
        """
        # The name comes from a user; only its kind matters to the app.
        name = f"input{mimetypes.guess_extension(file.content_type) or ''}"
        path = f"{self._known().prefix}/upload"
        paths = loads(self._ask("POST", path, files={"files": (name, file.data, file.content_type)}))
        if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
            raise Protocol("the app took a file but did not say where it is")
        meta = {"_type": "gradio.FileData"}
        return {
            "path": paths[0],
            "orig_name": name,
            "mime_type": file.content_type,
            "size": len(file.data),
            "meta": meta,
        }

    def file(self, data: object) -> File | None:
        """Make a file out of what an output component gave.

        Args:
            data: ``FileData`` (Gradio 4 to 6), ``{"name", "is_file"}`` (3), a gallery item, or a ``data:`` URL.

        Returns:
            A file that is fetched when it is read, as long as this app is open; None where ``data`` is no file.
        """
        found = files.find(data)
        if found is None or isinstance(found, InlineFile):
            return found
        return _RemoteFile(found.name, self, found)

    def cancel(self, state: Mapping[str, object]) -> None:
        """Ask the app to drop what a checkpoint's state names. Best effort: short, raises nothing for the network."""
        self._submission.cancel(state)

    def fetch(self, reference: files.Reference, limit: int) -> bytes:
        """Read a file of the app's.

        Raises:
            Protocol: It is gone, too large, or at another host.
            ProviderError: It could not be read.
        """
        url = files.address(self._transport.base, self._known().prefix, reference)
        if url is None:
            raise Protocol("the app names a file at another address than its own")
        try:
            return self._transport.ask("GET", url, limit=limit)
        except Refused as answer:
            # 404 on 4.44, 403 "File not allowed" on 5 and 6 (recorded).
            if answer.refusal.status in {403, 404}:
                raise Protocol("the app no longer has its own output file") from None
            raise answer.refusal.error() from None

    def check(
        self, api_name: str | None, names: Sequence[str], *, positional: Sequence[str] = (), fn_index: int | None = None
    ) -> None:
        """Check that a function can be called with these parameters; from what is known about the app.

        Raises:
            Changed: It cannot; the text says what is different.
            ProviderError: The app cannot be asked.
        """
        _plan(self._known(), api_name, dict.fromkeys(names), positional, "call", fn_index, None)

    def parameters(self, api_name: str | None, fn_index: int | None = None) -> tuple[str, ...]:
        """Names of a function's parameters, as far as the app tells them; from what is known about the app.

        Raises:
            Changed: There is no such function.
            ProviderError: The app cannot be asked.
        """
        return tuple(
            slot.name for slot in self._known().find(api_name, fn_index).slots if slot.name and not slot.hidden
        )

    def component(self, api_name: str | None, name: str, fn_index: int | None = None) -> str:
        """What a parameter of a function is entered with, such as ``gallery``; empty where the app does not tell.

        Raises:
            Changed: There is no such function.
            ProviderError: The app cannot be asked.
        """
        slots = self._known().find(api_name, fn_index).slots
        return next((slot.component for slot in slots if slot.name == name), "")

    def _known(self) -> App:
        if self._app is None:
            self._log_in()
            self._app = _DIRECTORY.get(self._key, self._fetch, self._control)
        return self._app

    def _planned(self, make: Callable[[], Plan]) -> Plan:
        """Plan with what is known about the app; ask it anew before saying that it has changed."""
        try:
            return make()
        except Changed:
            self._forget()
            return make()

    def _forget(self) -> None:
        self._app = None
        _DIRECTORY.forget(self._key)

    def _fetch(self) -> App:
        config = loads(self._ask("GET", "/config"))
        bare = parse_app(config)
        if not bare.speaks_queue:
            return bare
        try:
            info = loads(self._transport.ask("GET", f"{bare.prefix}/info"))
        except (Refused, Protocol):
            # Some apps cannot give it (its code can fail on the app's own types): positions must do.
            return bare
        return parse_app(config, info)

    def _log_in(self) -> None:
        """Log in where the app has a login; the answer's cookie is what counts."""
        if self._login is None:
            return
        name, password = self._login
        logs.hide(password)
        try:
            self._transport.ask("POST", "/login", data={"username": name, "password": password})
        except Refused as answer:
            if answer.refusal.status == 400:
                raise Denied(WRONG_LOGIN) from None
            # An app without a login sends to its first page.
            if not 300 <= answer.refusal.status < 400:
                raise answer.refusal.error() from None
        for value in self._transport.cookies():
            logs.hide(value)
        self._login = None

    def _ask(self, method: str, path: str, **body: Any) -> bytes:  # noqa: ANN401 - requests' own arguments
        try:
            return self._transport.ask(method, path, **body)
        except Refused as answer:
            raise answer.refusal.error() from None

    def _meaning(self, plan: Plan, make: Callable[[], Plan], refusal: Refusal) -> ProviderError:
        """Gradio answers 500 to a function that it does not have: look whether it still has this one."""
        error = refusal.error()
        if not isinstance(error, Crashed):
            return error
        self._forget()
        try:
            now = make()
        except ProviderError as found:
            return found
        same = (now.endpoint.fn_index, now.endpoint.slots) == (plan.endpoint.fn_index, plan.endpoint.slots)
        return error if same else Changed(f"{plan.endpoint.label} of the app has just changed")

    def _run(self, path: str, body: Mapping[str, object]) -> Answer:
        """The blocking POST of :meth:`predict`."""
        # It says nothing until it is through, so silence is no sign of a loss.
        wait = self._control.remaining() or self._limits.no_news
        try:
            fields = loads(self._transport.ask("POST", path, wait=wait, json=body))
        except Refused as answer:
            raise _run_error(answer.refusal) from None
        if not isinstance(fields, dict) or not isinstance(fields.get("data"), list):
            raise Protocol("the app answered without a result")
        if fields.get("is_generating") is True:
            raise Changed("this function works step by step; its blocking call gives only the first step")
        return Answer(tuple(fields["data"]))


@dataclass(frozen=True, slots=True)
class _RemoteFile:
    """A file at the app, fetched when it is read."""

    name: str
    app: GradioApp = field(repr=False)
    reference: files.Reference

    def read(self, limit: int) -> bytes:
        """Fetch it, at most ``limit`` bytes."""
        return self.app.fetch(self.reference, limit)


class _Background:
    """A call that runs in a thread of its own."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._outcome: Answer | ProviderError | None = None
        self._thread = Thread(target=self._go, name="gradio-run", daemon=True)
        self._thread.start()

    def _go(self) -> None:
        try:
            self._outcome = self._work()
        except ProviderError as error:
            self._outcome = error

    def wait(self, seconds: float) -> bool:
        """Whether it is through, after ``seconds`` at most."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self, end: Callable[[], None]) -> None:
        """End it by ``end`` where it still runs."""
        if self._thread.is_alive():
            end()
            self._thread.join(5.0)

    def result(self) -> Answer:
        """What it gave; raises what it raised."""
        if isinstance(self._outcome, Answer):
            return self._outcome
        raise self._outcome or Crashed("the call ended without an outcome")


def _plan(
    app: App,
    api_name: str | None,
    given: Mapping[str, object],
    positional: Sequence[str],
    style: Style,
    fn_index: int | None,
    trigger_id: int | None,
) -> Plan:
    if not app.speaks_queue:
        version = ".".join(str(part) for part in app.version)
        raise Changed(f"the app runs Gradio {version}, which is not supported: 4.0 or newer is needed")
    endpoint = app.find(api_name, fn_index)
    usable: str = style
    if app.protocol == "sse":
        usable = "sse"
    elif not app.has_call or endpoint.api_name is None:
        usable = "join"
    return Plan(
        app=app,
        endpoint=endpoint,
        data=arguments(endpoint, given, positional),
        style=usable,
        trigger_id=trigger_id if endpoint.fn_index == fn_index else None,
    )


def _run_error(refusal: Refusal) -> ProviderError:
    """The error of a blocking call: Gradio answers 500 with the function's own error."""
    try:
        fields = loads(refusal.body)
    except Protocol:
        return refusal.error()
    if refusal.status == 500 and isinstance(fields, dict) and "error" in fields:
        error, title = fields["error"], fields.get("title")
        return zerogpu.classify(error if isinstance(error, str) else None, clean.text(title) or None)
    return refusal.error()


def _plain(url: str) -> str:
    """An address without a user name and a password."""
    parts = urlsplit(url.rstrip("/"))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
