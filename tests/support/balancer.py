"""What stands before gateways: hands each connection, whole, to one of those that may have new ones, as a Service of
Kubernetes does. Who may is looked at on /health/ready; who is told to leave goes on getting some for a while, because
nodes hear of it late."""
import asyncio
import threading

from support.process import ask
from support.wait import wait_until

LOOK_EVERY = 0.1


class Balancer:
    def __init__(self):
        self.members = {}        # port: connections it has been given
        self.ready = []
        self.unplaced = 0        # connections for which nobody was ready
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True), threading.Thread(target=self._look, daemon=True)]
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = self._server.sockets[0].getsockname()[1]
        for thread in self._threads:
            thread.start()

    def add(self, port):
        self.members.setdefault(port, 0)
        wait_until(lambda: port in self.ready, 10, f"{port} is in rotation")

    def remove(self, port):
        del self.members[port]
        wait_until(lambda: port not in self.ready, 10, f"{port} is out of rotation")

    def _look(self):
        while not self._stop.wait(LOOK_EVERY):
            self.ready = [port for port in list(self.members)
                          if (ask(port, "/health/ready", seconds=1) or [0])[0] == 200 and port in self.members]

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        ready = self.ready
        if not ready:
            self.unplaced += 1
            writer.close()
            return
        self._turn += 1
        port = ready[self._turn % len(ready)]
        try:
            behind = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            self.unplaced += 1
            writer.close()
            return
        if port in self.members:
            self.members[port] += 1
        await asyncio.gather(self._pipe(reader, behind[1]), self._pipe(behind[0], writer))
        for one in (writer, behind[1]):
            one.close()

    @staticmethod
    async def _pipe(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    def close(self):
        self._stop.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(5)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))     # allow(sleep): a turn of the loop, for what was cancelled
        self._server.close()
        self._loop.close()
