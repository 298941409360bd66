"""A server that speaks like SQS, as a process of its own, and the people who use the program."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.config
import pytest
import requests

from server import Server, free_port

REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-example"}
SECRET = "entry-token-secret-of-the-tests-0123456789"

# Soon again after a failure, so that tests need not wait.
PATIENCE = [
    "--sqs.retry_wait_ms=50",
    "--sqs.retry_wait_max_ms=400",
    "--sqs.call_timeout_ms=800",
    "--remote.breaker_open_ms=200",
    f"--sqs.region={REGION}",
]


def wait_for(what, seconds=30):
    """The first true value of `what()`; fails after the time."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.05)


class Sqs:
    """moto's server. What it holds is gone when it ends; paused it keeps silent and keeps all."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=self.log, stderr=self.log,
        )
        wait_for(self.is_up, 60)
        self.client = boto3.client(
            "sqs", endpoint_url=self.url, region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"max_attempts": 0}),
        )

    def is_up(self):
        assert self.process.poll() is None, "moto ended"
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/moto-api/", timeout=5).ok
        return False

    def stop(self):
        if self.process is not None:
            self.resume()
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def url_of(self, name):
        """Where a queue of this name is, or will be."""
        return f"{self.url}/123456789012/{name}.fifo"

    def create(self, name, **attributes):
        made = self.client.create_queue(
            QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", **attributes}
        )["QueueUrl"]
        assert made == self.url_of(name)
        return made

    def arn(self, queue):
        found = self.client.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return found["Attributes"]["QueueArn"]

    def receive(self, queue, count, seconds=30):
        """`count` messages, deleted as they come."""
        out = []
        until = time.monotonic() + seconds
        while len(out) < count and time.monotonic() < until:
            got = self.client.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["All"]
            ).get("Messages", [])
            for message in got:
                self.client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            out += got
        return out

    def left(self, queue):
        """Messages in the queue, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return sum(int(found["Attributes"][n]) for n in names)

    def send(self, queue, body, group="g", deduplication=None):
        text = body if isinstance(body, str) else json.dumps(body)
        made = self.client.send_message(
            QueueUrl=queue, MessageBody=text, MessageGroupId=group,
            MessageDeduplicationId=deduplication or os.urandom(16).hex(),
        )
        return made["MessageId"]


@pytest.fixture(scope="session")
def server_of_sqs():
    made = Sqs()
    yield made
    made.stop()


@pytest.fixture
def sqs(server_of_sqs):
    """Without any queues."""
    if server_of_sqs.process is None:
        server_of_sqs.start()
    requests.post(f"{server_of_sqs.url}/moto-api/reset", timeout=10).raise_for_status()
    return server_of_sqs


def program(*arguments):
    return Server(
        "--queue.leave_grace_seconds=0", *PATIENCE, *arguments,
        environment={**KEYS, "QUEUE_ENTRY_TOKEN_SECRET": SECRET},
    )


class User:
    def __init__(self, node, name):
        self.node = node
        answer = requests.post(
            f"{node.url}/api/v1/auth/register",
            json={"email": f"{name}@example.com", "password": "password-1", "name": name},
            timeout=30,
        )
        answer.raise_for_status()
        self.id = answer.json()["user"]["id"]
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}

    def post(self, path, **options):
        return requests.post(f"{self.node.url}/api/v1{path}", headers=self.headers, timeout=30, **options)

    def get(self, path):
        return requests.get(f"{self.node.url}/api/v1{path}", headers=self.headers, timeout=30)

    def check(self, event):
        answer = self.post(f"/queue/check/{event}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reservations(self):
        answer = self.get("/reservations/my")
        assert answer.status_code == 200, answer.text
        return answer.json()["reservations"]


def users(node, count, prefix="user"):
    return [User(node, f"{prefix}{n}") for n in range(count)]


def events_on_sale(node):
    answer = requests.get(f"{node.url}/api/v1/events?status=on_sale&page=1&limit=100", timeout=30)
    return [e["id"] for e in answer.json()["events"]]


def claims_of(token):
    """What an entry token says, its signature checked."""
    head, claims, signature = token.split(".")
    pad = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    expected = hmac.new(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(pad(signature), expected)
    return json.loads(pad(claims))


def metrics(node):
    text = requests.get(f"{node.url}/actuator/prometheus", timeout=30).text
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            out[name] = float(value)
    return out
