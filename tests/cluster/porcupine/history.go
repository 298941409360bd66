package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// What a client, or the system on its own, did to a seat.
const (
	opHold    = "hold"    // take a free seat
	opRelease = "release" // give it back: before or after it was paid for
	opConfirm = "confirm" // paid for
	opExpire  = "expire"  // the system: from `call` on it may give a seat back that is held
	opAttempt = "attempt" // a hold of several seats that was refused because of another one
	opClaim   = "claim"   // a hold in doubt: until its end it may be in the way of others, time and again
	opRead    = "read"    // look who has it
)

const (
	outcomeOk      = "ok"
	outcomeRefused = "refused"
	outcomeUnknown = "unknown" // may have happened after `call`, may happen at any time later, or never
)

// record is one line of a history. Times are nanoseconds of one monotonic clock.
type record struct {
	Seat    string `json:"seat"`
	Op      string `json:"op"`
	Hold    string `json:"hold"`  // which hold it is about; `read`: who has it, empty if nobody
	State   string `json:"state"` // `read`: free, held or sold
	Outcome string `json:"outcome"`
	Client  int    `json:"client"`
	Node    string `json:"node"` // that was asked; for people
	Call    int64  `json:"call"`
	Return  *int64 `json:"return"` // null: never
}

func (r record) check() error {
	if r.Seat == "" {
		return fmt.Errorf("no seat")
	}
	if r.Client < 0 {
		return fmt.Errorf("client %d", r.Client)
	}
	if r.Return != nil && *r.Return < r.Call {
		return fmt.Errorf("returns before it is called")
	}
	switch r.Outcome {
	case outcomeOk, outcomeRefused:
		if r.Return == nil {
			return fmt.Errorf("answered %q without a time", r.Outcome)
		}
	case outcomeUnknown:
	default:
		return fmt.Errorf("outcome %q", r.Outcome)
	}
	if r.Op == opClaim && (r.Outcome != outcomeUnknown || r.Return == nil) {
		return fmt.Errorf("a claim is a doubt that ends")
	}
	if r.Op == opAttempt && r.Outcome != outcomeRefused {
		return fmt.Errorf("an attempt is refused")
	}
	switch r.Op {
	case opHold, opRelease, opConfirm, opExpire, opAttempt, opClaim:
		if r.Hold == "" {
			return fmt.Errorf("%s without a hold", r.Op)
		}
	case opRead:
		if r.Outcome != outcomeOk {
			return fmt.Errorf("a read that was not answered says nothing")
		}
		if r.State != stateFree && r.State != stateHeld && r.State != stateSold {
			return fmt.Errorf("state %q", r.State)
		}
		if (r.State == stateFree) != (r.Hold == "") {
			return fmt.Errorf("state %q, hold %q", r.State, r.Hold)
		}
	default:
		return fmt.Errorf("operation %q", r.Op)
	}
	return nil
}

// readHistory reads JSON lines. An error names the line.
func readHistory(in io.Reader) ([]record, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var out []record
	for number := 1; lines.Scan(); number++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("line %d: %v", number, err)
		}
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("line %d: %v", number, err)
		}
		out = append(out, r)
	}
	return out, lines.Err()
}
