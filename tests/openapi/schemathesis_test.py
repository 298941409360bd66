"""Usage: schemathesis_test.py anonymous|user|operator

schemathesis against the running program, over all operations of the document: without login, as a
user, or as an administrator who also has the internal token. No 5xx, no status, header, content type
or body that the document does not have. TIKETI_TEST_FULL=1 tries far more; TIKETI_TEST_SEED replays a
run.
"""
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import uuid

import requests

from server import INTERNAL_TOKEN, Server

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]

class Stage:
    """Things that exist, so that the calls get further than `not found`."""

    def __init__(self, server):
        self.url = server.url
        self.tokens = server.tokens()
        self.ids = {}
        self.admin = {"Authorization": f"Bearer {self.tokens['admin']}"}
        self.user = {"Authorization": f"Bearer {self.tokens['user']}"}
        self.fill()

    def call(self, method, path, who, body=None):
        answer = requests.request(method, self.url + path, headers=who, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def add(self, name, value):
        self.ids.setdefault(name, []).append(value)
        return value

    def enter(self, event, who):
        end = time.monotonic() + 30
        while self.call("POST", f"/api/v1/queue/check/{event}", who)["status"] != "active":
            assert time.monotonic() < end, "nobody is admitted"
            time.sleep(0.02)

    def fill(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = lambda n: (now + datetime.timedelta(days=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.add("userId", self.call("GET", "/api/v1/auth/me", self.user)["user"]["id"])
        self.add("userId", self.call("GET", "/api/v1/auth/me", self.admin)["user"]["id"])
        for n in range(4):
            owner = (self.user, self.admin)[n % 2]
            artist = self.call("POST", "/api/v1/admin/artists", self.admin, {"name": f"Artist {n} {uuid.uuid4()}"})
            artist = self.add("artistId", artist["artist"]["id"])
            plan = {"sections": [{"name": "A", "rows": 10, "seatsPerRow": 20, "price": 1000}]}
            layout = {"name": f"Hall {n} {uuid.uuid4()}", "layout_config": plan}
            layout = self.call("POST", "/api/v1/admin/seat-layouts", self.admin, layout)
            layout = self.add("layoutId", layout["layout"]["id"])
            event = {
                "title": f"Concert {n}",
                "venue": "Hall",
                "eventDate": day(90),
                "saleStartDate": day(-30),
                "saleEndDate": day(80),
                "seatLayoutId": layout,
                "ticketTypes": [{"name": "Standing", "price": 5000, "totalQuantity": 1000}],
            }
            event = self.call("POST", "/api/v1/admin/events", self.admin, event)["event"]["id"]
            self.add("eventId", event)
            self.enter(event, owner)
            types = self.call("GET", f"/api/v1/tickets/event/{event}", {})["ticketTypes"]
            self.add("ticketTypeId", types[0]["id"])
            seats = self.call("GET", f"/api/v1/seats/events/{event}", {})["seats"]
            for seat in seats[10:16]:
                self.add("seatId", seat["id"])
            for k in range(3):
                held = {"eventId": event, "seatIds": [seats[k]["id"]]}
                held = self.call("POST", "/api/v1/seats/reserve", owner, held)["reservation"]["id"]
                self.add("reservationId", held)
                if k == 0:
                    continue
                order = self.call("POST", "/api/v1/payments/prepare", owner, {"reservationId": held})
                self.add("orderId", order["orderId"])
                if k == 1:
                    continue
                key = self.add("paymentKey", f"key-{uuid.uuid4()}")
                paid = {"paymentKey": key, "orderId": order["orderId"], "amount": order["amount"]}
                self.call("POST", "/api/v1/payments/confirm", owner, paid)
            news = {"title": "News", "content": "Text"}
            self.add("newsId", self.call("POST", "/api/v1/news", self.admin, news)["news"]["id"])
            post = {"title": "Post", "content": "Text", "artist_id": artist}
            post = self.add("postId", self.call("POST", "/api/v1/community/posts", owner, post)["post"]["id"])
            comment = self.call("POST", f"/api/v1/community/posts/{post}/comments", owner, {"content": "Me"})
            self.add("commentId", comment["comment"]["id"])
            member = self.call("POST", "/api/v1/memberships/subscribe", owner, {"artistId": artist})
            self.add("membershipId", member["membershipId"])
        # Tickets of an event without an artist may be resold without a membership.
        event = self.ids["eventId"][0]
        items = [{"ticketTypeId": self.ids["ticketTypeId"][0], "quantity": 1}]
        for owner in (self.user, self.admin):
            self.enter(event, owner)  # a purchase ends the visit
            held = self.call("POST", "/api/v1/reservations", owner, {"eventId": event, "items": items})
            held = held["reservation"]["id"]
            pay = {"reservationId": held, "paymentMethod": "card"}
            self.call("POST", "/api/v1/payments/process", owner, pay)
            offer = self.call("POST", "/api/v1/transfers", owner, {"reservationId": held})
            self.add("transferId", offer["transfer"]["id"])

    def configuration(self):
        """As dictionaries that schemathesis takes values from, most of the time."""
        places = {name: [f"path.{name}", f"query.{name}", f"body.{name}"] for name in self.ids}
        places["artistId"].append("body.artist_id")
        places["layoutId"].append("body.seatLayoutId")
        places["ticketTypeId"].append("body.items[*].ticketTypeId")
        places["seatId"].append("body.seatIds[*]")
        places["userId"] += ["body.userIds[*]", "body.buyerId"]
        places["membershipId"].append("body.referenceId")
        # Streams never end by themselves. It would sign up and call the rest with that account.
        lines = ["max-stream-events = 1", "", "[auth]", "auto-signup = false", ""]
        for name, values in self.ids.items():
            lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}", ""]
        lines.append("[parameters]")
        bound = {}
        for name, keys in places.items():
            bound.update({key: name for key in keys})
        for key, name in bound.items():
            lines.append(f'"{key}" = {{ dictionary = "{name}", probability = 0.8 }}')
        return "\n".join(lines) + "\n"


def run(server, stage, headers, seed, examples, phases):
    config = server.folder / "schemathesis.toml"
    config.write_text(stage.configuration())
    command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"]
    command += [f"{server.url}/openapi.json", "--checks", ",".join(CHECKS), "--seed", str(seed)]
    command += ["--max-examples", str(examples), "--phases", ",".join(phases), "--continue-on-failure"]
    command += ["--no-shrink", "--warnings", "off", "--suppress-health-check", "all", "--request-timeout", "30"]
    # What a node alone does not have; tests/deploy/test_cluster.py checks it.
    command += ["--exclude-path-regex", "^/internal/cluster"]
    for key, value in headers.items():
        command += ["-H", f"{key}: {value}"]
    return subprocess.run(command, cwd=server.folder).returncode


def main(who):
    full = os.environ.get("TIKETI_TEST_FULL") == "1"
    # The quick run is the same each time.
    seed = os.environ.get("TIKETI_TEST_SEED") or (random.SystemRandom().randrange(2**32) if full else 20310228)
    print(f"TIKETI_TEST_SEED={seed} replays this run", flush=True)
    few, every = ["examples", "fuzzing"], ["examples", "coverage", "fuzzing"]
    with Server() as server:
        stage = Stage(server)
        # Who has what, how many tries for each operation, and which kinds of them: quick and full.
        # An operator gets everywhere, so the systematic part of the quick run is there.
        headers, quick, long = {
            "anonymous": ({}, (1, few), (20, every)),
            "user": (
                {"Authorization": f"Bearer {stage.tokens['user']}"},
                (2, few),
                (50, [*every, "stateful"]),
            ),
            "operator": (
                {"Authorization": f"Bearer {stage.tokens['admin']}", "x-internal-token": INTERNAL_TOKEN},
                (1, every),
                (50, [*every, "stateful"]),
            ),
        }[who]
        status = run(server, stage, headers, seed, *(long if full else quick))
        if server.process.poll() is not None:
            print(f"the program ended:\n{server.log_tail()}")
            return 1
        # An exception in a handler, for example, which the client sees as 500 only.
        errors = [line for line in server.log.read_text(errors="replace").splitlines() if " ERROR " in line]
        if errors:
            print(f"{len(errors)} errors in the log:", *errors[:50], sep="\n")
        return 1 if errors else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
