"""gunicorn's gevent worker with shorter ways for small answers: their heads, deadlines, headers and writes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from gevent import GreenletExit
from greenlet import greenlet
from gunicorn.http import RequestParser, wsgi
from gunicorn.workers.ggevent import GeventWorker

from web.http.own_stack import ON_OWN_STACK
from web.server.answers import Answer
from web.server.head_deadlines import HeadDeadlines
from web.server.joined_writes import JoinedWrites
from web.server.plain_heads import PlainRequest

T = TypeVar("T")


class Worker(GeventWorker):  # type: ignore[misc] # gunicorn is untyped
    """One of the web processes."""

    def run(self) -> None:
        """Serve until the process is told to end."""
        # They do not change any more, and gunicorn looks many of them up for each request, the long way.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        # Each call of an object takes a piece of C stack, which is copied and kept for every request that waits.
        self._application = self.wsgi.wsgi_app.__call__
        RequestParser.mesg_class = PlainRequest
        self._heads = HeadDeadlines(self.cfg.keepalive)
        self._heads.start()
        super().run()

    def timeout_ctx(self) -> HeadDeadlines:
        """The time of a head."""
        return self._heads

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Answer one request.

        Raises:
            StopIteration: The connection is to be closed.
        """
        joined = JoinedWrites(sock)
        try:
            self._answer(listener_name, req, joined, addr)
        except (GreenletExit, SystemExit):
            pass
        finally:
            joined.flush()
            # The next head has a deadline as a whole.
            sock.settimeout(None)

    def _answer(self, listener_name: Any, req: Any, sock: JoinedWrites, addr: Any) -> None:  # noqa: ANN401 - gunicorn's
        answer: Any = None
        try:
            self.cfg.pre_request(self, req)
            answer, environ = wsgi.create(req, sock, addr, listener_name, self.cfg, response_class=Answer)
            environ["wsgi.multithread"] = True
            environ[ON_OWN_STACK] = _on_own_stack
            self._count()
            if not self.alive or req.should_close():
                answer.force_close()
            # The environment has them all, and a request may wait for minutes.
            req.headers = []
            _send(self._application(environ, answer.start_response), environ, answer)
        except (StopIteration, OSError):
            # Who closes the connection knows what to say of it.
            raise
        except (Exception, SystemExit):
            if answer is None or not answer.headers_sent:
                raise
            # It has begun: another answer in the middle of it would be read as a part of it.
            self.log.exception("Error handling request")
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
                sock.close()
            raise StopIteration from None
        if answer.should_close():
            raise StopIteration

    def _count(self) -> None:
        """End the process in good time if gunicorn was told how many requests one may serve."""
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False


def _on_own_stack(call: Callable[..., T], *given: Any) -> T:  # noqa: ANN401 - passed on
    """Call in a greenlet of its own: its stack is given back at the end, where one that has grown never shrinks.

    The connection's own greenlet goes on when the call ends, and then has what it gave or raised.
    """
    found: T = greenlet(call).switch(*given)
    return found


def _send(pieces: Any, environ: dict[str, Any], answer: Answer) -> None:  # noqa: ANN401 - what an application gives
    try:
        if isinstance(pieces, environ["wsgi.file_wrapper"]):
            answer.write_file(pieces)
        else:
            for piece in pieces:
                answer.write(piece)
        answer.close()
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
