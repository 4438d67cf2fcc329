"""The shortest way: a FastAPI application whose people can register, log in and out.

    uvicorn examples.fastapi_app:app

Then open http://localhost:8000/auth/register, and http://localhost:8000/docs for the API.
"""

from datetime import timedelta

from fastapi import Depends, FastAPI

from coatcheck import Auth, Principal
from coatcheck.fastapi import current, install, require

app = FastAPI()
auth = Auth("sqlite:///app.db")
install(app, auth)  # pages and API under /auth


@app.get("/me")
async def me(who: Principal = Depends(current)):
    return {"user": who.user_id, "signed in": who.authenticated_at}


@app.delete("/orders/{order_id}")
async def delete_order(
    order_id: str, who: Principal = Depends(require(role="admin", fresh_within=timedelta(minutes=5)))
):
    return {"deleted": order_id, "by": who.user_id}
