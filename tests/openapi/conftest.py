import pytest
import requests

from contract import Contract
from server import Server


@pytest.fixture(scope="session")
def server():
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def document(server):
    return requests.get(f"{server.url}/openapi.json", timeout=10).json()


@pytest.fixture(scope="session")
def contract(document):
    return Contract(document)


@pytest.fixture(scope="session")
def tokens(server):
    return server.tokens()
