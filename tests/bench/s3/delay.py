"""A TCP proxy that hands everything on a while later, at full rate: a network with a delay.

delay.py PORT MILLISECONDS   listens on a free port of 127.0.0.1, prints it, and passes connections to PORT; half of the delay
                             is spent on the way there, half on the way back
"""

import asyncio
import sys

PIECE = 1 << 20
UNDER_WAY = 32
"""Pieces on the way in one direction: 32 MiB, enough for 1.6 GB/s at 20 ms."""


async def carry(reader, writer, delay):
    """Passes bytes on, each piece so much later than it came."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue(UNDER_WAY)

    async def take():
        while True:
            piece = await reader.read(PIECE)
            await pieces.put((loop.time() + delay, piece))
            if not piece:
                return

    taking = asyncio.create_task(take())
    try:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        taking.cancel()


async def main(port, milliseconds):
    delay = milliseconds / 2_000

    async def connect(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        await asyncio.gather(carry(reader, back, delay), carry(there, writer, delay))
        back.close()
        writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0, limit=PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
