"""Another program, with no access to the database: it trusts the server's logins, and refuses what was ended there."""

import os

from fastapi import Depends, FastAPI

from coatcheck import Principal
from coatcheck.verify import Verifier
from coatcheck.verify.fastapi import current, install, require

verifier = Verifier("http://localhost:8000", audience="orders", credential=os.environ["ORDERS_SECRET"])
app = FastAPI()
install(app, verifier)


@app.get("/orders")
async def orders(who: Principal = Depends(current)):
    return {"orders of": who.user_id}


@app.delete("/orders/{order_id}")
async def delete_order(order_id: str, who: Principal = Depends(require(role="clerk"))):
    return {"deleted": order_id, "by": who.user_id}


@app.get("/healthz")
async def healthz():
    return {"fresh": verifier.state.fresh}
