"""Requests for reservations that come through a FIFO queue."""
import json

import pytest
import requests

from conftest import events_on_sale, metrics, program, users, wait_for


@pytest.fixture
def work(sqs):
    """The queue of requests, and where it puts those that failed twice."""
    dead = sqs.create("dead")
    policy = json.dumps({"deadLetterTargetArn": sqs.arn(dead), "maxReceiveCount": "2"})
    return sqs.create("work", RedrivePolicy=policy), dead


def worker_of(sqs, *more):
    return program(
        "--worker.enabled", f"--worker.queue_url={sqs.url_of('work')}", "--worker.pollers=2",
        "--worker.wait_seconds=1", "--worker.visibility_seconds=2", "--worker.run_timeout_ms=900",
        *more,
    )


def hall(node):
    """An event on sale and its free seats."""
    for event in events_on_sale(node):
        answer = requests.get(f"{node.url}/api/v1/seats/events/{event}", timeout=30)
        if answer.ok:
            seats = [s["id"] for s in answer.json()["seats"] if s["status"] == "available"]
            if len(seats) >= 10:
                return event, seats
    raise AssertionError("no event has seats")


def standing(node):
    """An event on sale and one of its ticket types."""
    for event in events_on_sale(node):
        answer = requests.get(f"{node.url}/api/v1/tickets/event/{event}", timeout=30)
        types = answer.json().get("ticketTypes", []) if answer.ok else []
        if types:
            return event, types[0]["id"]
    raise AssertionError("no event has ticket types")


def wish(user, event, seats):
    return {"action": "seat_reserve", "eventId": event, "userId": user.id, "seatIds": seats,
            "entryToken": user.check(event)["entryToken"]}


def outcome(node, name):
    return metrics(node)[f'worker_messages_total{{outcome="{name}"}}']


def test_requests_become_reservations_once(sqs, work):
    queue, dead = work
    with worker_of(sqs) as node:
        first, second = users(node, 2)
        event, seats = hall(node)
        sqs.send(queue, wish(first, event, seats[:2]))
        show, kind = standing(node)
        sqs.send(queue, {"action": "reservation_create", "eventId": show, "userId": second.id,
                         "items": [{"ticketTypeId": kind, "quantity": 2}],
                         "entryToken": second.check(show)["entryToken"]})
        wait_for(lambda: sqs.left(queue) == 0 and outcome(node, "reserved") == 2)
        assert len(first.reservations()) == 1
        assert len(second.reservations()) == 1
        assert sqs.left(dead) == 0


def test_what_fails_goes_to_the_dead_letters_and_the_rest_is_done(sqs, work):
    queue, dead = work
    with worker_of(sqs) as node:
        first, second, third = users(node, 3)
        event, seats = hall(node)
        good = [wish(first, event, seats[:1]), wish(second, event, seats[1:2])]
        stolen = wish(third, event, seats[2:3])
        stolen["userId"] = first.id
        bare = wish(third, event, seats[3:4])
        del bare["entryToken"]
        late = wish(third, event, seats[:1])
        poison = {
            "garbage": "{not json",
            "fields": {"action": "seat_reserve", "eventId": event, "userId": third.id, "seatIds": []},
            "stolen": stolen,
            "bare": bare,
            "late": late,
        }
        for body in good:
            sqs.send(queue, body)
        for name, body in poison.items():
            sqs.send(queue, body, group="g" if name == "late" else name)
        sqs.send(queue, {"action": "admitted", "eventId": event, "userId": first.id})
        sqs.send(queue, {"action": "dance"})
        wait_for(lambda: outcome(node, "reserved") == 2)
        # moto moves a message when somebody asks for it once too often.
        wait_for(lambda: sqs.left(dead) == len(poison) and sqs.left(queue) == 0, 60)
        found = {m["Body"] for m in sqs.receive(dead, len(poison))}
        assert found == {b if isinstance(b, str) else json.dumps(b) for b in poison.values()}
        assert outcome(node, "noted") == 1
        assert outcome(node, "unknown") == 1
        assert len(first.reservations()) == 1
        assert len(second.reservations()) == 1
        assert third.reservations() == []


def test_a_crash_of_the_worker_loses_and_repeats_nothing(sqs, work):
    queue, dead = work
    with worker_of(sqs) as node:
        crowd = users(node, 8)
        event, seats = hall(node)
        wishes = [wish(u, event, [seat]) for u, seat in zip(crowd, seats)]
        sqs.send(queue, wishes[0])
        wait_for(lambda: outcome(node, "reserved") == 1)
        for n, body in enumerate(wishes[1:]):
            sqs.send(queue, body, group=f"g{n}")
        node.kill()
        node.start()
        wait_for(lambda: sqs.left(queue) == 0, 60)
        assert [len(u.reservations()) for u in crowd] == [1] * len(crowd)
        assert sqs.left(dead) == 0


def test_a_stop_leaves_the_queue_in_order(sqs, work):
    queue, _ = work
    with worker_of(sqs) as node:
        (user,) = users(node, 1)
        event, seats = hall(node)
        body = wish(user, event, seats[:1])
        node.process.terminate()
        assert node.process.wait(30) == 0
        sqs.send(queue, body)
        node.start()
        wait_for(lambda: sqs.left(queue) == 0, 60)
        assert len(user.reservations()) == 1
