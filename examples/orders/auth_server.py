"""The server where people log in. Access tokens may be asked for the audience "orders"."""

from fastapi import FastAPI

from coatcheck import Auth, Settings
from coatcheck.fastapi import install
from coatcheck.settings import TokenSettings

auth = Auth(Settings(url="http://localhost:8000", tokens=TokenSettings(audiences=("orders",))))
app = FastAPI()
install(app, auth)
