"""Plays one case: runs its script step by step and fails at the first thing that is not as written."""
import re
import time

from support import expect, wire
from support.casefile import CaseError, content
from support.sockets import Exchange

PROBE = b"GET /live HTTP/1.1\r\nHost: probe\r\n\r\n"


class Failure(AssertionError):
    """What came is not what the case says."""


class Player:
    """One run of one case against `target`. strict: the target is the gateway, so its own promises are checked too."""

    def __init__(self, case, target, listener, strict, patience):
        self.case = case
        self.strict = strict
        self.exchange = Exchange(target, listener, patience, case.header.get("from"))
        self.current = None          # the upstream connection that was last spoken to
        self.sent_at = time.monotonic()
        self.request_ids = []        # what the upstream saw as X-Request-Id
        self.answers = []            # expect.Answer of each final response, for the access log
        self.closed = set()          # client connections that need no probe at the end

    def run(self):
        try:
            for step in self.case.steps:
                self._play(step)
            self._finish()
        finally:
            self.exchange.close()

    def _play(self, step):
        try:
            getattr(self, "_" + step.verb)(step)
        except (AssertionError, wire.BadMessage, OSError) as error:
            raise Failure(f"{step.where}: {error}") from None

    # Sending and leaving

    def _send(self, step):
        data = content(self.case, step.lines)
        how = step.args["how"]
        piece = 1 if "byte by byte" in how else int(how.split()[-1]) if "pieces" in how else None
        connection = self._connection(step)
        connection.queue(data, piece)
        connection.write_ready()
        if step.actor == "client":
            self.sent_at = time.monotonic()

    def _connection(self, step):
        if step.actor == "client":
            return self.exchange.client(step.args["name"])
        if self.current is None:
            raise CaseError(f"{step.where}: the upstream has seen nothing yet")
        return self.current

    def _leave(self, step):
        connection = self._connection(step)
        connection.leave(step.args["how"])
        if step.actor == "client" and step.args["how"] != "ends":
            self.closed.add(connection)

    def _wait(self, step):
        end = time.monotonic() + int(step.args["ms"]) / 1000
        while time.monotonic() < end:
            self.exchange.pump(end - time.monotonic())

    # What the upstream sees

    def _see(self, step):
        wanted = expect.request(self.case, step.lines)
        head_only = step.args["part"] == " head"
        how = step.args["how"]
        before = len([u for u in self.exchange.upstreams if u.messages])
        connection, message = self.exchange.until(
            lambda: self._next_request(head_only), "the upstream sees " + wanted.start)
        if "new" in how and connection.messages:
            raise Failure("the request came on a connection that was used before")
        if self.strict and "same" in how and connection is not self.current:
            raise Failure(f"the request came on another connection than the last ({before} were used)")
        connection.messages += 1
        self.current = connection
        expect.check_request(wanted, message, self.strict)
        self._keep(wanted)
        self.request_ids += message.values("X-Request-Id")

    def _keep(self, wanted):
        self.case.values.update({name: value.encode("latin-1") for name, value in wanted.captured.items()})

    def _next_request(self, head_only):
        for connection in self.exchange.upstreams:
            if not connection.inbox:
                continue
            try:
                message, length = (wire.read_request_head(connection.inbox) if head_only else
                                   wire.read_request(connection.inbox, connection.ended))
            except wire.Incomplete:
                if connection.ended:
                    raise Failure("the request to the upstream is cut short: "
                                  + wire.printable(connection.inbox)) from None
                continue
            if head_only:
                connection.open_head = bytes(connection.inbox[:length])
            del connection.inbox[:length]
            return connection, message
        # No use in waiting on when the client has been answered already.
        for client in self.exchange.clients.values():
            if re.match(rb"HTTP/1\.1 [2-5]", client.inbox) and time.monotonic() - self.sent_at > 0.5:
                raise Failure("the client was answered instead: " + wire.printable(client.inbox, 600))
        return None

    def _nothing(self, _step):
        self.exchange.settle()
        if self.exchange.upstreams:
            seen = b"".join(bytes(u.inbox) for u in self.exchange.upstreams)
            raise Failure("the upstream was contacted: " + wire.printable(seen))

    def _no_whole(self, _step):
        """The head may have gone on before the body turned out to be bad: then the upstream must see it cut short."""
        for connection in self.exchange.upstreams:
            self.exchange.until(lambda: connection.ended or None, f"the {connection.label} sees the end")
            received = connection.open_head + connection.inbox
            if not received:
                continue
            try:
                message, _ = wire.read_request(received, True)
            except wire.Incomplete:
                message = None
            if message and not message.cut:
                raise Failure(f"the upstream got a whole request: {message}")
            connection.inbox.clear()

    def _end(self, step):
        connection = self._connection(step)

        def ended():
            if connection.inbox and step.actor == "client":
                raise Failure("bytes before the end: " + wire.printable(connection.inbox))
            return connection.ended or None
        self.exchange.until(ended, f"the {connection.label} sees the end")
        if step.actor == "client":
            self.closed.add(connection)
        else:
            connection.inbox.clear()

    # What the client gets

    def _get(self, step):
        wanted = expect.response(self.case, step.args["what"], step.lines)
        connection = self._connection(step)
        message = self.exchange.until(lambda: self._next_response(connection, wanted),
                                      f"the {connection.label} gets {wanted.statuses}", wanted.within)
        took = time.monotonic() - self.sent_at
        if wanted.after and took < wanted.after:
            raise Failure(f"answered after {took * 1000:.0f} ms already")
        expect.check_response(wanted, message, self.strict)
        self._keep(wanted)
        if message.status >= 200:
            self._note_answer(step, message)
        # A body that the end of the connection ends: a reset is the only sign that something is missing.
        if (wanted.reset or message.until_close) and wanted.reset != connection.was_reset:
            raise Failure("the connection " + ("was reset" if connection.was_reset else "should have been reset"))
        if wanted.close:
            self.exchange.until(lambda: self._end_of(connection), "the gateway closes the connection")
            self.closed.add(connection)
        elif wanted.cut or wanted.reset or message.until_close:
            self.closed.add(connection)

    def _next_response(self, connection, wanted):
        try:
            message, length = wire.read_response(connection.inbox, wanted.method, connection.ended)
        except wire.Incomplete:
            if connection.ended:
                raise Failure("the connection ended; so far: " + wire.printable(connection.inbox)) from None
            return None
        del connection.inbox[:length]
        if not self.strict and message.status == 100 and 100 not in wanted.statuses:
            return self._next_response(connection, wanted)   # a proxy may send it unasked
        return message

    def _note_answer(self, step, message):
        if not self.strict:
            return
        identifier = message.value("X-Request-Id")
        if not identifier or not message.value("X-Correlation-Id"):
            raise Failure("not one X-Request-Id and one X-Correlation-Id in the answer")
        self.answers.append(expect.Answer(step.where, identifier, message.status))

    def _end_of(self, connection):
        if connection.inbox:
            raise Failure("bytes behind the response: " + wire.printable(connection.inbox))
        return connection.ended or None

    def _log(self, step):
        """Expectations of the access line of the last answer, or of the case's only request if there was none."""
        if not self.answers:
            self.answers.append(expect.Answer(step.where, None, None))
        self.answers[-1].fields += expect.log_fields(self.case, step.args["what"])

    # The end: nothing is left over, and what is open still serves.

    def _finish(self):
        for connection in list(self.exchange.clients.values()):
            if connection in self.closed or connection.left:
                continue
            self._probe(connection)
        self.exchange.settle()
        for connection in self.exchange.upstreams:
            if connection.inbox:
                raise Failure("the upstream got more than the script says: " + wire.printable(connection.inbox))

    def _probe(self, connection):
        """An open connection takes another request: this also finds bytes that stand between responses."""
        connection.queue(PROBE)
        wanted = expect.response(self.case, "200", [])
        try:
            message = self.exchange.until(lambda: self._next_response(connection, wanted),
                                          "an answer to one more request on the connection")
        except (AssertionError, wire.BadMessage) as error:
            raise Failure(f"the connection should still serve: {error}") from None
        if message.status != 200 or connection.inbox:
            raise Failure("the connection should still serve, but it gave " + str(message))


def case_route(case):
    """The options that a case sets for its route: `route: timeout_ms=300 methods=GET,POST`."""
    options = {}
    for word in case.header.get("route", "").split():
        match = re.fullmatch(r"(\w+)=(\S+)", word)
        if not match:
            raise CaseError(f"{case.path}: not an option of a route: {word}")
        options[match.group(1)] = match.group(2)
    return options
