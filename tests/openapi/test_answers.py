"""Real answers of the running program against the document: every operation's success, and the
refusals that all have in common."""
import datetime
import struct
import time
import uuid
import zlib

import pytest
import requests

# Operations whose success needs somebody outside.
NEEDS_OTHERS = {
    "loginWithGoogle": "a token that Google signed",
}


class Caller:
    """Calls operations by name and checks every answer against the document."""

    def __init__(self, server, contract, tokens):
        self.server, self.contract, self.tokens = server, contract, tokens
        self.succeeded = set()
        self.sessions = {who: requests.Session() for who in (*tokens, None)}

    def add(self, who, token):
        self.tokens[who] = token
        self.sessions[who] = requests.Session()

    def __call__(self, operation, who=None, expect=200, json=None, query=None, headers=None, files=None, **path):
        op = self.contract.operations[operation]
        url = self.server.url + op["path"]
        for key, value in path.items():
            assert f"{{{key}}}" in url, f"{operation} has no {key}"
            url = url.replace(f"{{{key}}}", str(value))
        headers = dict(headers or {})
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        if json is not None and expect in (200, 201):
            self.contract.check_request(op, json)
        # No cookie of an earlier answer: each call says itself who makes it.
        self.sessions[who].cookies.clear()
        follows = "text/event-stream" in op["responses"].get("200", {}).get("content", {})
        answer = self.sessions[who].request(
            op["method"], url, json=json, params=query, headers=headers, files=files, timeout=60, stream=follows
        )
        if follows and answer.status_code == 200:
            return self.events(operation, op, answer)
        self.contract.check_answer(op, answer)
        wanted = expect if isinstance(expect, (tuple, set)) else (expect,)
        assert answer.status_code in wanted, f"{operation}: {answer.status_code} {answer.text[:500]}"
        if answer.status_code < 300:
            self.succeeded.add(operation)
        media = answer.headers.get("Content-Type", "")
        return answer.json() if answer.content and media.startswith("application/json") else answer


    def events(self, operation, op, answer):
        """The events of a stream, each compared with the document, until the caller has enough."""
        with answer:
            self.contract.check_head(op, answer)
            self.succeeded.add(operation)
            event = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                field, _, value = line.partition(":")
                if field in ("event", "id", "data"):
                    event[field] = event.get(field, "") + value.removeprefix(" ")
                elif line == "" and "data" in event:
                    yield self.contract.check_event(op, event)
                    event = {}


@pytest.fixture(scope="module")
def call(server, contract, tokens):
    return Caller(server, contract, tokens)


def iso(days):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def tag():
    return uuid.uuid4().hex[:12]


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b"")


def until(question, seconds=20):
    """Asks again until the answer is yes; what is asked for happens by itself, a moment later."""
    end = time.monotonic() + seconds
    while True:
        found = question()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def stage(call):
    """An artist, a layout and an event on sale with seats and standing tickets."""
    artist = call("createArtist", "admin", 201, {"name": f"Artist {tag()}", "membershipPrice": 30000})["artist"]
    layout = call(
        "createSeatLayout",
        "admin",
        201,
        {
            "name": f"Hall {tag()}",
            "description": "Two blocks",
            "layout_config": {
                "sections": [
                    {"name": "A", "rows": 2, "seatsPerRow": 5, "price": 120000},
                    {
                        "name": "B",
                        "rows": 1,
                        "seatsPerRow": 5,
                        "price": 90000,
                        "startRow": 3,
                        "accessible": [{"row": 3, "from": 1, "to": 2}],
                    },
                ]
            },
        },
    )["layout"]
    event = call(
        "createEvent",
        "admin",
        201,
        {
            "title": f"Concert {tag()}",
            "venue": "Arena",
            "address": None,
            "eventDate": iso(60),
            "saleStartDate": iso(-10),  # the pre-sale of members is over
            "saleEndDate": iso(59),
            "artistName": artist["name"],
            "seatLayoutId": layout["id"],
            "ticketTypes": [{"name": "Standing", "price": 50000, "totalQuantity": 100}],
        },
    )["event"]
    types = until(lambda: call("listTicketTypes", eventId=event["id"])["ticketTypes"])
    return {"artist": artist, "layout": layout, "event": event, "type": types[0]}


def admit(call, event):
    def entered():
        place = call("enterQueue", "user", eventId=event)
        return place if place["status"] == "active" else None

    return until(entered)["entryToken"]


def free_seats(call, event, count):
    seats = call("getSeatMap", eventId=event)["seats"]
    return [s["id"] for s in seats if s["status"] == "available"][:count]


def reserve(call, event, count=2):
    token = admit(call, event)
    seats = free_seats(call, event, count)
    body = {"eventId": event, "seatIds": seats, "idempotencyKey": tag()}
    return call("reserveSeats", "user", json=body, headers={"x-queue-entry-token": token})["reservation"]


def pay(call, reservation):
    body = {"reservationId": reservation, "paymentMethod": "card"}
    return call("processPayment", "user", json=body)["payment"]


# -- success -------------------------------------------------------------------------------------


def test_accounts(call):
    email, password = f"{tag()}@example.com", "correct horse"
    call("register", None, 201, {"email": email, "password": password, "name": "Kim", "phone": None})
    call("register", None, 409, {"email": email, "password": password, "name": "Kim"})
    call("login", None, 400, {"email": email, "password": "wrong password"})
    session = call("login", json={"email": email, "password": password})
    call("verifyToken", json={"token": session["token"]})
    call("verifyToken", None, 400, {"token": "x"})
    call("me", "user")
    renewed = call("refreshSession", json={"refreshToken": session["refreshToken"]})
    call("refreshSession", None, 400, {"refreshToken": "x"})
    call("loginWithGoogle", None, 400, {"credential": "x"})
    call("logout", headers={"Authorization": f"Bearer {renewed['token']}"})
    found = call("internalUser", "internal", userId=session["user"]["id"])["user"]
    call("internalUsers", "internal", json={"userIds": [found["id"], str(uuid.uuid4())]})


def test_catalog(call, stage):
    for query in ({}, {"status": "on_sale", "limit": "3"}, {"q": "concert"}, {"page": "0"}, {"status": "x"}):
        call("listEvents", query=query)
    call("listEvents", None, 400, query={"page": "many"})
    call("getEvent", eventId=stage["event"]["id"])
    call("listArtists")
    call("getArtist", artistId=stage["artist"]["id"])


def test_demo_events(call):
    for event in call("listEvents", query={"limit": "100"})["events"]:
        call("getEvent", eventId=event["id"])
        call("listTicketTypes", eventId=event["id"])
        call("getSeatMap", eventId=event["id"], expect=(200, 404))
    for artist in call("listArtists", query={"limit": "100"})["artists"]:
        call("getArtist", artistId=artist["id"])


def test_images(call):
    stored = call("uploadImage", "admin", files={"image": ("a.png", png(), "image/png")})
    name = stored["key"].removeprefix("files/")
    image = call("getImage", name=name)
    assert image.content == png()
    call("getImage", None, 304, headers={"If-None-Match": image.headers["ETag"]}, name=name)
    call("getImage", None, 404, name="no.png")
    call("uploadImage", "admin", 400, files={"image": ("a.png", b"text", "image/png")})
    call("uploadImage", "admin", 415, json={})


def test_queue(call, stage):
    event = stage["event"]["id"]
    fresh = call("register", None, 201, {"email": f"{tag()}@example.com", "password": "correct horse", "name": "Q"})
    call.add("guest", fresh["token"])
    call("queueStatus", "guest", eventId=event)
    call("queueHeartbeat", "guest", eventId=event)
    call("setQueueThreshold", "admin", query={"threshold": "1"}, eventId=event)
    admit(call, event)
    assert call("enterQueue", "guest", eventId=event)["status"] == "queued"
    assert call("queueStatus", "guest", eventId=event)["status"] == "queued"
    assert call("queueStatus", "user", eventId=event)["status"] == "active"
    call("queueHeartbeat", "guest", eventId=event)
    call("countQueue", "admin", eventId=event)
    call("setQueueThreshold", "admin", query={"threshold": "1000"}, eventId=event)
    call("setQueueThreshold", "admin", 400, query={"threshold": "0"}, eventId=event)
    call("leaveQueue", "guest", eventId=event)
    call("internalCountQueue", "internal", eventId=event)
    call("internalAdmission", "internal", eventId=event, userId=fresh["user"]["id"])
    call("clearQueue", "admin", eventId=event)
    call("internalQueueInfo", "internal", eventId=event)


def test_waiting_room(call, stage):
    event = call("createEvent", "admin", 201, {
        "title": "Rush",
        "venue": "Hall",
        "eventDate": iso(9),
        "saleStartDate": iso(-1),
        "saleEndDate": iso(8),
    })["event"]["id"]
    call("roomStatus", None, 404, eventId=event)
    call("countRoom", "admin", 404, eventId=event)
    until(lambda: call("activateRoom", "admin", (200, 404), eventId=event).get("status"))
    call("activateRoom", "admin", 409, query={"reset": "true"}, eventId=event)
    call("roomStatus", eventId=event)
    call("countRoom", "admin", eventId=event)
    call("internalActiveRooms", "internal")
    first = call("takeNumber", json={"userId": "a"}, eventId=event)
    rest = [call("takeNumber", eventId=event) for _ in range(3)]
    call("checkNumber", query={"userId": "a"}, eventId=event, requestId=first["requestId"])
    call("checkNumber", None, 404, eventId=event, requestId="x")
    call("checkNumber", eventId=event, requestId=rest[-1]["requestId"])
    call("advanceRoom", "admin", json={"batchSize": 1}, eventId=event)
    call("internalAdvanceRoom", "internal", eventId=event)
    call("advanceRoom", "admin", eventId=event)
    served = call("checkNumber", query={"userId": "a"}, eventId=event, requestId=first["requestId"])
    assert served["admitted"] and served["token"]
    call("deactivateRoom", "admin", eventId=event)
    call("checkNumber", eventId=event, requestId=rest[0]["requestId"])
    call("deactivateRoom", "admin", 404, eventId=str(uuid.uuid4()))


def test_sale(call, stage):
    event = stage["event"]["id"]
    call("getTime")
    call("listSeatLayouts")
    call("getAvailability", ticketTypeId=stage["type"]["id"])
    answer = requests.get(f"{call.server.url}/api/seats/events/{event}", timeout=10)
    call("getSeatMap", None, 304, headers={"If-None-Match": answer.headers["ETag"]}, eventId=event)
    held = reserve(call, event)
    call("reserveSeats", "user", 409, {"eventId": event, "seatIds": [held["seats"][0]["id"]]})
    call("getSeatReservation", "user", reservationId=held["id"])
    call("getReservation", "user", reservationId=held["id"])
    call("listReservations", "user")
    call("listMyReservations", "user")
    call("cancelReservation", "user", reservationId=held["id"])
    call("cancelReservation", "user", 409, reservationId=held["id"])
    admit(call, event)
    best = {"eventId": event, "count": 2, "section": "B", "priceMax": 100000, "accessible": None}
    call("reserveBestSeats", "user", json=best)
    call("reserveBestSeats", "user", 409, {**best, "priceMax": 1})
    order = {"eventId": event, "items": [{"ticketTypeId": stage["type"]["id"], "quantity": 2}]}
    order["idempotencyKey"] = tag()
    first = call("reserveTickets", "user", json=order)["reservation"]
    assert call("reserveTickets", "user", json=order)["reservation"] == first
    order["items"][0]["quantity"] = 3
    call("reserveTickets", "user", 422, order)
    call("getReservation", "user", reservationId=first["id"])
    call("getSeatReservation", "user", reservationId=first["id"])


def test_entry_gate(call, stage):
    event = stage["event"]["id"]
    fresh = call("register", None, 201, {"email": f"{tag()}@example.com", "password": "correct horse", "name": "G"})
    call.add("outsider", fresh["token"])
    refused = call("reserveSeats", "outsider", 403, {"eventId": event, "seatIds": free_seats(call, event, 1)})
    assert refused["code"] == "entry_token_required" and refused["redirectTo"]


def test_live_updates(call, stage):
    event = stage["event"]["id"]
    changes = call("followSeats", eventId=event)
    assert next(changes)[0] == "snapshot"
    held = reserve(call, event, 1)
    name, data = next(changes)
    assert name == "seats"
    assert {"id": held["seats"][0]["id"], "status": "locked"} in data["seats"]
    changes.close()
    places = call("followQueue", "user", eventId=event)
    assert next(places)[1]["status"] == "active"
    places.close()
    call("followSeats", None, 404, eventId=str(uuid.uuid4()))


def test_repeated_requests(call, stage):
    event, key = stage["event"]["id"], {"Idempotency-Key": tag()}
    kind = {"name": "Balcony", "price": 1000, "totalQuantity": 5}
    first = call("createTicketType", "admin", 201, kind, headers=key, eventId=event)
    assert call("createTicketType", "admin", 201, kind, headers=key, eventId=event) == first
    call("createTicketType", "admin", 422, {**kind, "price": 2000}, headers=key, eventId=event)
    call("createTicketType", "admin", 400, kind, headers={"Idempotency-Key": "x" * 256}, eventId=event)
    admit(call, event)
    order = {"eventId": event, "items": [{"ticketTypeId": stage["type"]["id"], "quantity": 1}]}
    first = call("reserveTickets", "user", json=order, headers=key)
    assert call("reserveTickets", "user", json=order, headers=key) == first


def test_payments(call, stage):
    event = stage["event"]["id"]
    held = reserve(call, event, 1)
    order = call("preparePayment", "user", json={"reservationId": held["id"], "amount": None})
    call("preparePayment", "user", 400, {"reservationId": held["id"], "amount": 1})
    call("getPaymentOfOrder", "user", orderId=order["orderId"])
    confirm = {"paymentKey": f"key-{tag()}", "orderId": order["orderId"], "amount": order["amount"]}
    call("confirmPayment", "user", json=confirm)
    call("cancelPayment", "user", json={"cancelReason": None}, paymentKey=confirm["paymentKey"])
    call("cancelPayment", "user", 404, paymentKey="none")
    call("getPaymentOfOrder", "user", orderId=order["orderId"])
    other = reserve(call, event, 1)
    pay(call, other["id"])
    pay(call, other["id"])
    call("listMyPayments", "user", query={"limit": "0", "offset": "-1"})
    call("internalPaymentOfReservation", "internal", reservationId=other["id"])
    call("internalPaymentOfReservation", "internal", reservationId=str(uuid.uuid4()))


def join(call, artist, who="user"):
    offer = call("subscribe", who, 201, {"artistId": artist})
    body = {"paymentType": "membership", "referenceId": offer["membershipId"], "paymentMethod": "card"}
    call("processPayment", who, json=body)


def test_memberships(call, stage):
    artist = stage["artist"]["id"]
    call("getMembership", "user", artistId=artist)
    call("getBenefits", "user", artistId=artist)
    call("getBenefits", "user", 404, artistId=str(uuid.uuid4()))
    join(call, artist)
    call("subscribe", "user", 409, {"artistId": artist})
    call("listMemberships", "user")
    member = call("getMembership", "user", artistId=artist)
    assert member["membership"]["status"] == "active" and member["pointHistory"]
    call("getBenefits", "user", artistId=artist)
    call("listMyPayments", "user")


def test_resale(call, stage):
    fan = call("register", None, 201, {"email": f"{tag()}@example.com", "password": "correct horse", "name": "F"})
    call.add("fan", fan["token"])
    artist, event = stage["artist"]["id"], stage["event"]["id"]
    join(call, artist, "fan")
    call("internalAwardPoints", "internal", json={
        "userId": call("me", "user")["user"]["id"],
        "artistId": artist,
        "actionType": "TEST",
        "points": 1000,
        "referenceId": str(uuid.uuid4()),
    })
    first, second = reserve(call, event, 1)["id"], reserve(call, event, 1)["id"]
    call("offerTransfer", "user", 400, {"reservationId": first})
    offers = []
    for held in (first, second):
        pay(call, held)
        offers.append(call("offerTransfer", "user", json={"reservationId": held})["transfer"]["id"])
    call("listTransfers", "fan", query={"artistId": artist})
    call("listTransfers", "fan", 400, query={"limit": "0"})
    call("listMyTransfers", "user")
    call("getTransfer", "fan", transferId=offers[0])
    buyer = fan["user"]["id"]
    call("internalValidateTransfer", "internal", query={"userId": buyer}, transferId=offers[0])
    call("internalValidateTransfer", "internal", 400, transferId=offers[0])
    call("internalCompleteTransfer", "internal", 409, {"buyerId": buyer}, transferId=offers[0])
    body = {"paymentType": "transfer", "referenceId": offers[0], "paymentMethod": "card"}
    call("processPayment", "fan", json=body)
    call("internalCompleteTransfer", "internal", json={"buyerId": buyer}, transferId=offers[0])
    call("listMyTransfers", "fan")
    call("listMyTransfers", "user")
    call("cancelTransfer", "user", transferId=offers[1])
    call("cancelTransfer", "user", expect=(400, 409), transferId=offers[1])


def test_internal_tickets(call, stage):
    event, kind = stage["event"]["id"], stage["type"]["id"]
    user = call("me", "user")["user"]["id"]
    seats = free_seats(call, event, 2)
    order = {"eventId": event, "userId": user, "seatIds": seats[:1]}
    held = call("internalReserveSeats", "internal", json=order)["reservation"]["id"]
    refused = call("internalReserveSeats", "internal", 409, order)
    assert refused["success"] is False and refused["seats"][0]["fencingToken"] is None
    call("internalReserve", "internal", json={**order, "seatIds": seats[1:]})
    standing = [{"ticketTypeId": kind, "quantity": 1}]
    other = call("internalReserve", "internal", json={"eventId": event, "userId": user, "items": standing})
    call("internalReserve", "internal", 400, {"eventId": event, "userId": user})
    call("internalValidateReservation", "internal", query={"userId": user}, reservationId=held)
    call("internalConfirmReservation", "internal", 409, reservationId=held)
    pay(call, held)
    call("internalConfirmReservation", "internal", reservationId=held)
    call("internalRefundReservation", "internal", reservationId=held)
    call("internalRefundReservation", "internal", reservationId=other["reservation"]["id"])
    artist = call("createArtist", "admin", 201, {"name": f"Artist {tag()}"})["artist"]["id"]
    member = until(lambda: call("subscribe", "user", (201, 404), {"artistId": artist}).get("membershipId"))
    call("internalValidateMembership", "internal", query={"userId": user}, membershipId=member)
    call("internalActivateMembership", "internal", 409, membershipId=member)
    body = {"paymentType": "membership", "referenceId": member, "paymentMethod": "card"}
    call("processPayment", "user", json=body)
    call("internalActivateMembership", "internal", membershipId=member)


def test_community(call, stage):
    text = {"title": "Hello", "content": "World", "is_pinned": True}
    news = call("publishNews", "admin", 201, text)["news"]
    call("editNews", "admin", json={**text, "is_pinned": None}, newsId=news["id"])
    call("getNews", newsId=news["id"])
    call("getNews", "user", newsId=news["id"])
    call("listNews", query={"limit": "1"})
    call("deleteNews", "admin", newsId=news["id"])
    post = {"title": "Hello", "content": "World", "artist_id": stage["artist"]["id"]}
    post = call("publishPost", "user", 201, post)["post"]
    call("editPost", "user", json={"title": "Hi", "content": "all"}, postId=post["id"])
    call("editPost", "admin", 403, {"title": "Hi", "content": "all"}, postId=post["id"])
    call("getPost", postId=post["id"])
    comment = call("publishComment", "user", 201, {"content": "First"}, postId=post["id"])["comment"]
    call("listPosts", query={"artistId": stage["artist"]["id"]})
    call("listComments", postId=post["id"])
    call("deleteComment", "user", postId=post["id"], commentId=comment["id"])
    call("deletePost", "user", postId=post["id"])
    call("listPosts", None, 400, query={"artistId": "x"})


def test_administration(call, stage):
    name, hall = f"Artist {tag()}", f"Hall {tag()}"
    artist = call("createArtist", "admin", 201, {"name": name})["artist"]["id"]
    call("createArtist", "admin", 409, {"name": name})
    call("editArtist", "admin", json={"name": name, "imageUrl": "/a.png"}, artistId=artist)
    call("deleteArtist", "admin", artistId=artist)
    call("deleteArtist", "admin", 409, artistId=stage["artist"]["id"])
    call("enrichArtists", "admin")
    sections = {"sections": [{"name": "A", "rows": 1, "seatsPerRow": 2, "price": 1000}]}
    layout = {"name": hall, "layout_config": sections}
    made = call("createSeatLayout", "admin", 201, layout)["layout"]["id"]
    call("createSeatLayout", "admin", 400, {"name": hall, "layout_config": {"sections": []}})
    call("editSeatLayout", "admin", json=layout, layoutId=made)
    call("listAllSeatLayouts", "admin")
    event = {
        "title": "Short",
        "venue": "Hall",
        "eventDate": iso(9),
        "saleStartDate": iso(-1),
        "saleEndDate": iso(8),
        "seatLayoutId": made,
    }
    first = call("createEvent", "admin", 201, {**event, "ticketTypes": None})["event"]["id"]
    call("createEvent", "admin", 400, {**event, "title": " ", "eventDate": "soon"})
    call("editEvent", "admin", json={**event, "title": "Shorter"}, eventId=first)
    standing = {"name": "Standing", "price": 0, "totalQuantity": 10, "description": None}
    kind = call("createTicketType", "admin", 201, standing, eventId=first)["ticketType"]["id"]
    call("editTicketType", "admin", json={**standing, "totalQuantity": 20}, ticketTypeId=kind)
    call("generateSeats", "admin", 400, eventId=first)
    call("deleteSeats", "admin", eventId=first)
    call("generateSeats", "admin", eventId=first)
    call("cancelEvent", "admin", eventId=first)
    call("cancelEvent", "admin", 404, eventId=first)
    call("deleteEvent", "admin", eventId=first)
    call("deleteSeatLayout", "admin", 409, layoutId=stage["layout"]["id"])
    spare = call("createSeatLayout", "admin", 201, {**layout, "name": f"Hall {tag()}"})["layout"]["id"]
    call("deleteSeatLayout", "admin", layoutId=spare)


def test_administration_of_reservations(call, stage):
    held = reserve(call, stage["event"]["id"], 1)
    paid = reserve(call, stage["event"]["id"], 1)
    pay(call, paid["id"])
    call("dashboard", "admin")
    call("dashboardStats", "admin")
    call("listAllReservations", "admin", query={"status": "pending"})
    call("listAllReservations", "admin")
    call("setReservationStatus", "admin", 409, {"status": "confirmed"}, reservationId=held["id"])
    call("setReservationStatus", "admin", json={"status": "cancelled"}, reservationId=held["id"])
    call("internalSetReservationStatus", "internal", json={"status": "refunded"}, reservationId=paid["id"])
    call("internalReservationStats", "internal")
    call("internalRecentReservations", "internal")
    call("internalReservations", "internal", query={"status": "cancelled", "limit": "1"})


def test_internal(call, stage):
    layout = stage["layout"]["id"]
    event = {
        "title": "Inside",
        "venue": "Hall",
        "eventDate": iso(9),
        "saleStartDate": iso(-1),
        "saleEndDate": iso(8),
        "seatLayoutId": layout,
    }
    event = call("createEvent", "admin", 201, event)["event"]["id"]
    call("internalGenerateSeats", "internal", 409, eventId=event, layoutId=str(uuid.uuid4()))
    call("internalCountSeats", "internal", eventId=event)
    call("internalCountLiveSeats", "internal", query={"eventId": event})
    call("internalDeleteSeats", "internal", eventId=event)
    call("internalGenerateSeats", "internal", eventId=event, layoutId=layout)
    kind = {"eventId": event, "name": "Standing", "price": 1000, "totalQuantity": 5}
    made = call("internalCreateTicketType", "internal", json=kind)["ticketType"]["id"]
    kind.pop("eventId")
    call("internalEditTicketType", "internal", json=kind, ticketTypeId=made)
    call("internalTicketTypes", "internal", query={"eventId": event})
    call("internalTicketTypes", "internal", 400)
    call("internalAvailability", "internal", ticketTypeId=made)
    call("internalSeatLayouts", "internal")
    call("internalRescheduleEventStatus", "internal")


def test_statistics(call, contract, stage):
    pay(call, reserve(call, stage["event"]["id"], 1)["id"])
    names = [name for name, op in contract.operations.items() if op["tags"] == ["Statistics"]]
    assert len(names) == 14
    for name in names:
        path = filled(contract.operations[name])
        if path:
            path = {"eventId": stage["event"]["id"]}
        call(name, "admin", **path)
        days = [p for p in contract.operations[name]["parameters"] if p["name"] == "days"]
        if days:
            call(name, "admin", query={"days": "1"})
            call(name, "admin", query={"days": "99999999999999999999"})
            call(name, "admin", 400, query={"days": "x"})
    for sort in ("reservations", "occupancy"):
        until(lambda: call("statsEvents", "admin", query={"sortBy": sort, "limit": "100"})["data"])
    call("statsRevenue", "admin", query={"period": "monthly"})
    call("statsEvent", "admin", 404, eventId=str(uuid.uuid4()))
    call("statsSeatPreferences", "admin", query={"eventId": stage["event"]["id"]})


def test_webhooks(call, stage):
    known = call("listWebhooks", "admin")["eventTypes"]
    wanted = {"url": "https://example.com/hooks", "eventTypes": known[:2], "eventId": None}
    made = call("createWebhook", "admin", 201, {**wanted, "description": None})["webhook"]["id"]
    call("createWebhook", "admin", 400, {"url": "ftp://example.com", "eventTypes": []})
    call("getWebhook", "admin", webhookId=made)
    call("editWebhook", "admin", json={"active": False, "eventId": stage["event"]["id"]}, webhookId=made)
    call("rotateWebhookSecret", "admin", webhookId=made)
    call("testWebhook", "admin", webhookId=made)
    for status in (None, "pending", "dead"):
        call("listDeliveries", "admin", query={"status": status} if status else None, webhookId=made)
    call("listDeliveries", "admin", 400, query={"status": "lost"}, webhookId=made)
    call("replayDeadLetters", "admin", json={"all": True}, webhookId=made)
    call("replayDeadLetters", "admin", 400, {"all": True, "ids": [made]}, webhookId=made)
    call("listWebhooks", "admin")
    call("deleteWebhook", "admin", webhookId=made)


def test_operations(call):
    for name in ("health", "actuatorHealth", "liveness", "readiness", "actuatorInfo", "listRoutes", "metrics"):
        call(name)
    call("openapi")
    call("docs")


def test_every_operation_succeeded_once(call, contract):
    """Stays the last of the successes: what is missing here was never compared."""
    assert set(contract.operations) - call.succeeded == set(NEEDS_OTHERS)


# -- refusals ------------------------------------------------------------------------------------


def filled(op):
    """Ids that nobody has."""
    return {p["name"]: str(uuid.uuid4()) for p in op["parameters"] if p["in"] == "path"}


def access(op):
    schemes = {scheme for way in op["security"] for scheme in way}
    if not op["security"] or {} in op["security"]:
        return None
    return "internal" if "internalToken" in schemes else "user"


def test_without_login(call, contract):
    for name, op in contract.operations.items():
        if access(op):
            refused = call(name, None, 401, **filled(op))
            assert refused["code"] == "unauthenticated"
            call(name, None, expect=(401, 403), headers={"Authorization": "Bearer wrong"}, **filled(op))


def test_with_too_little(call, contract, server):
    routes = requests.get(f"{server.url}/actuator/mappings", timeout=10).json()["routes"]
    admin = {(r["method"].lower(), r["path"].count("{"), r["path"].split("{")[0]) for r in routes if r["access"] == "admin"}
    seen = 0
    for name, op in contract.operations.items():
        path = op["path"].replace("/api/v1/", "/api/")
        if (op["method"], path.count("{"), path.split("{")[0]) in admin:
            assert call(name, "user", 403, **filled(op))["code"] == "admin_required"
            seen += 1
        elif access(op) == "internal":
            call(name, "admin", 403, **filled(op))
    assert seen >= 20


def caller(op):
    if access(op) == "internal":
        return "internal"
    return "admin" if access(op) else None


def test_bodies_that_are_none(call, contract):
    for name, op in contract.operations.items():
        if "application/json" not in op.get("requestBody", {}).get("content", {}):
            continue
        url = call.server.url + op["path"]
        for key, value in filled(op).items():
            url = url.replace(f"{{{key}}}", value)
        who = caller(op)
        headers = {"Authorization": f"Bearer {call.tokens[who]}"} if who else {}
        for body, media, expected in (
            (b"{", "application/json", 400),
            (b"[]", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"[" * 5000, "application/json", 400),
            (b"{}", "text/plain", 415),
        ):
            answer = requests.request(
                op["method"], url, data=body, headers={**headers, "Content-Type": media}, timeout=10
            )
            contract.check_answer(op, answer)
            assert answer.status_code == expected, f"{name} {body[:10]}: {answer.status_code} {answer.text[:300]}"
        answer = requests.request(op["method"], url, data=b" " * 2_000_000, headers=headers, timeout=10)
        contract.check_answer(op, answer)
        assert answer.status_code == 413, name


def test_ids_that_are_none(call, contract):
    for name, op in contract.operations.items():
        ids = {
            p["name"]: "not-an-id"
            for p in op["parameters"]
            if p["in"] == "path" and p["schema"].get("$ref", "").endswith("/Id")
        }
        if ids:
            assert call(name, caller(op), 400, **{**filled(op), **ids})["code"] == "invalid_request"


def test_other_methods(call, contract, server):
    paths = {}
    for op in contract.operations.values():
        paths.setdefault(op["path"], set()).add(op["method"].upper())
    for path, methods in paths.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = requests.request(method, server.url + path.replace("{", "").replace("}", ""), timeout=10)
            if answer.status_code != 405:
                # A literal segment of one path may be the id of another: /admin/clear/... and so on.
                assert answer.status_code in (400, 401, 404), f"{method} {path}: {answer.status_code}"
                continue
            allowed = set(answer.headers["Allow"].split(", "))
            assert methods <= allowed, f"{method} {path}: {allowed}"
            assert answer.json()["code"] == "method_not_allowed"


def test_both_forms_of_the_path(server):
    for path in ("/api/v1/events", "/api/events", "/api/v1/events/"):
        assert requests.get(server.url + path, timeout=10).status_code == 200
    for path in ("/api/openapi.json", "/api/v1/docs", "/v1/openapi.json"):
        assert requests.get(server.url + path, timeout=10).status_code == 404
