"""Admission notices of the running program in a FIFO queue."""
import json
import time

from conftest import claims_of, events_on_sale, metrics, program, users, wait_for


def notices_to(sqs, *more):
    return program("--sqs.enabled", f"--sqs.queue_url={sqs.url_of('notices')}", *more)


def bodies(messages):
    return [json.loads(m["Body"]) for m in messages]


def people(messages):
    return [b["userId"] for b in bodies(messages)]


def test_each_admission_is_told_as_the_contract_says(sqs):
    queue = sqs.create("notices")
    with notices_to(sqs, "--queue.threshold=2") as node:
        event = events_on_sale(node)[0]
        first, second, third = users(node, 3)
        assert first.check(event)["status"] == "active"
        assert first.check(event)["status"] == "active", "a repeat admits nobody"
        assert second.check(event)["status"] == "active"
        assert third.check(event)["status"] == "queued"
        told = sqs.receive(queue, 2)
        assert people(told) == [first.id, second.id]
        assert sqs.left(queue) == 0, "who waits is not told of"
        first.post(f"/queue/leave/{event}")
        told += sqs.receive(queue, 1)
        assert people(told) == [first.id, second.id, third.id], "the line's admissions too"
        for message, user in zip(told, [first, second, third]):
            body = json.loads(message["Body"])
            assert set(body) == {"action", "eventId", "userId", "entryToken", "timestamp"}
            assert body["action"] == "admitted"
            assert body["eventId"] == event
            assert abs(body["timestamp"] / 1000 - time.time()) < 60
            claims = claims_of(body["entryToken"])
            assert (claims["sub"], claims["uid"]) == (event, user.id)
            assert 0 < claims["exp"] - time.time() <= 600
            assert message["Attributes"]["MessageGroupId"] == event
            assert message["Attributes"]["MessageDeduplicationId"] == f"{user.id}:{event}"
        sent = metrics(node)
        assert sent['sqs_notices_total{outcome="sent"}'] == 3
        assert sent["sqs_notices_waiting"] == 0


def test_while_sqs_keeps_silent_nobody_waits_and_nothing_is_lost(sqs):
    queue = sqs.create("notices")
    with notices_to(sqs) as node:
        event, other = events_on_sale(node)[:2]
        crowd = users(node, 24)
        sqs.pause()
        slowest = 0
        for user in crowd:
            for show in (event, other):
                begin = time.monotonic()
                assert user.check(show)["status"] == "active"
                slowest = max(slowest, time.monotonic() - begin)
        assert slowest < 0.8, "less than one call to SQS may take"
        wait_for(lambda: metrics(node)['sqs_call_failures_total{cause="unavailable"}'] >= 2)
        assert metrics(node)["sqs_oldest_notice_seconds"] > 0.5
        sqs.resume()
        # moto forgets what it had as soon as that is deleted, so first all has to be there.
        wait_for(lambda: metrics(node)['sqs_notices_total{outcome="sent"}'] == 2 * len(crowd))
        assert sqs.left(queue) == 2 * len(crowd)
        told = sqs.receive(queue, 2 * len(crowd))
        for show in (event, other):
            group = [m for m in told if m["Attributes"]["MessageGroupId"] == show]
            assert people(group) == [u.id for u in crowd], "once each, in the order of admission"
        wait_for(lambda: metrics(node)["sqs_oldest_notice_seconds"] == 0)
        assert sqs.left(queue) == 0


def test_an_admission_is_told_after_a_crash(sqs):
    sqs.stop()
    with notices_to(sqs) as node:
        event = events_on_sale(node)[0]
        crowd = users(node, 12)
        for user in crowd:
            assert user.check(event)["status"] == "active"
        node.kill()
        sqs.start()
        node.start()
        # The queue is missing at first, which is a mistake of somebody and no reason to give up.
        wait_for(lambda: metrics(node)['sqs_call_failures_total{cause="misconfigured"}'] >= 1)
        queue = sqs.create("notices")
        assert people(sqs.receive(queue, len(crowd))) == [u.id for u in crowd]
        assert sqs.left(queue) == 0


def test_without_a_queue_nothing_is_stored_for_it(sqs):
    with program() as node:
        event = events_on_sale(node)[0]
        (user,) = users(node, 1)
        assert user.check(event)["status"] == "active"
        assert not [name for name in metrics(node) if name.startswith("sqs_")]
