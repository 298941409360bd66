-- Accounts opened before registrations were published, in the form of USER_REGISTERED. An account
-- registers once, so the event has the account's id.
INSERT INTO outbox(event_id, topic, key, type, version, occurred_at, trace, payload)
SELECT id, 'user-events', id, 'USER_REGISTERED', 1, created_at, '',
       '{"type":"USER_REGISTERED","userId":"' || id || '","role":"' || role || '"}'
FROM users;
