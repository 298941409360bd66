"""Usage: fault_proxy.py FOLDER NODE LISTEN:SERVER:NAME...

What a node of tools/cluster talks through, so that its connections can be frozen without root. For
each triple it listens on the port LISTEN of the loopback interface and passes everything on to the
port SERVER. NAME says who is there: `postgresql`, `redis` or `kafka` for what the node asks, the
node's own name for where other nodes reach it. Who of them calls is seen from the owner of the
connection's other end.

FOLDER/faults.json holds pairs of names that cannot reach each other. It is read at the start and
whenever somebody says a line to the socket FOLDER/NODE/proxy; the answer `ok` says that it is in
force. Between such a pair nothing is passed on and nobody gets an answer, but connections stay; when
the pair is taken out, everything that was sent meanwhile arrives.
"""
import asyncio
import json
import os
import pathlib
import re
import sys

CHUNK = 1 << 16


def owner_of(folder, client_port, server_port):
    """The node whose process has the other end of a connection over the loopback interface."""
    inode = None
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.split(":")[1], 16) for address in fields[1:3]]
        if ports == [client_port, server_port]:
            inode = fields[9]
            break
    for file in folder.glob("*/pid"):
        try:
            pid = file.read_text().split()[0]
            for entry in os.scandir(f"/proc/{pid}/fd"):
                if os.readlink(entry.path) == f"socket:[{inode}]":
                    return file.parent.name
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return None


class Proxy:
    def __init__(self, folder, node):
        self.folder = folder
        self.node = node
        self.frozen = set()
        self.changed = asyncio.Condition()

    async def load(self):
        try:
            pairs = json.loads((self.folder / "faults.json").read_text())
        except FileNotFoundError:
            pairs = []
        async with self.changed:
            self.frozen = {frozenset(pair) for pair in pairs}
            self.changed.notify_all()

    async def may_pass(self, pair):
        if pair in self.frozen:
            async with self.changed:
                await self.changed.wait_for(lambda: pair not in self.frozen)

    async def control(self, reader, writer):
        await reader.readline()
        try:
            await self.load()
            writer.write(b"ok\n")
        except ValueError as wrong:
            writer.write(f"{wrong}\n".encode())
        await writer.drain()
        writer.close()

    async def pump(self, pair, reader, writer):
        try:
            while True:
                # Before reading, too: what nobody takes fills the sender's window, as on a dead wire.
                await self.may_pass(pair)
                data = await reader.read(CHUNK)
                await self.may_pass(pair)
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()  # and with it the other direction

    async def serve(self, name, server_port, reader, writer):
        caller = self.node
        if name == self.node:
            local, peer = writer.get_extra_info("sockname")[1], writer.get_extra_info("peername")[1]
            caller = await asyncio.to_thread(owner_of, self.folder, peer, local)
        pair = frozenset([caller, name])
        other = None
        try:
            await self.may_pass(pair)
            there, other = await asyncio.open_connection("127.0.0.1", server_port)
            await asyncio.gather(self.pump(pair, reader, other), self.pump(pair, there, writer))
        except OSError:
            writer.transport.abort()  # nobody listens there: the caller hears so at once
        finally:
            for end in (writer, other):
                if end is not None:
                    end.close()

    async def run(self, ways):
        await self.load()
        for listen, server, name in ways:
            async def serve(reader, writer, name=name, server=server):
                await self.serve(name, server, reader, writer)

            await asyncio.start_server(serve, "127.0.0.1", listen)
        # A path from here: those of sockets are short.
        os.chdir(self.folder / self.node)
        pathlib.Path("proxy").unlink(missing_ok=True)
        await asyncio.start_unix_server(self.control, "proxy")
        await asyncio.get_running_loop().create_future()


def main(folder, node, *ways):
    triples = []
    for way in ways:
        found = re.fullmatch(r"(\d+):(\d+):([\w.-]+)", way)
        if not found:
            sys.exit(__doc__)
        triples.append((int(found[1]), int(found[2]), found[3]))

    async def run():
        await Proxy(pathlib.Path(folder).resolve(), node).run(triples)

    asyncio.run(run())


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
