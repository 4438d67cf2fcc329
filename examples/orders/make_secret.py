"""Register the service "orders", and print its secret: once."""

import asyncio

from auth_server import auth


async def main():
    async with auth:
        made = await auth.services.create("orders", audiences=["orders"], feed=True)
    print(made.first.secret)


asyncio.run(main())
