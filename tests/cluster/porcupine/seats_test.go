package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func at(call, end int64, op, hold, outcome string) record {
	r := record{Seat: "A1", Op: op, Hold: hold, Outcome: outcome, Call: call}
	if end >= 0 {
		r.Return = &end
	}
	return r
}

func look(call, end int64, state, hold string) record {
	r := at(call, end, opRead, hold, outcomeOk)
	r.State = state
	return r
}

func verdictOf(t *testing.T, history []record) porcupine.CheckResult {
	t.Helper()
	for i, r := range history {
		if err := r.check(); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	all := judge(history, 10*time.Second)
	if len(all) != 1 {
		t.Fatalf("%d seats", len(all))
	}
	return all[0].Result
}

func TestGoodHistories(t *testing.T) {
	for name, history := range map[string][]record{
		"held, released, held again, sold": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opRelease, "a", outcomeOk),
			at(40, 50, opHold, "b", outcomeOk),
			at(60, 70, opConfirm, "b", outcomeOk),
			at(80, 90, opHold, "c", outcomeRefused),
			look(100, 110, stateSold, "b"),
		},
		"a refusal overlaps the hold it met": {
			at(0, 100, opHold, "a", outcomeOk),
			at(10, 20, opHold, "b", outcomeRefused),
			look(200, 210, stateHeld, "a"),
		},
		"a release overlaps the next hold": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 100, opRelease, "a", outcomeOk),
			at(30, 40, opHold, "b", outcomeOk),
			look(200, 210, stateHeld, "b"),
		},
		"expired at some time": {
			at(0, 10, opHold, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			at(3100, 3110, opHold, "b", outcomeRefused),
			at(4000, 4010, opHold, "c", outcomeOk),
			look(5000, 5010, stateHeld, "c"),
		},
		"not expired because it was paid for": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opConfirm, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			look(5000, 5010, stateSold, "a"),
		},
		"a hold in doubt is in the way, time and again": {
			at(0, 100, opClaim, "a", outcomeUnknown),
			at(20, 30, opHold, "b", outcomeRefused),
			at(40, 50, opHold, "c", outcomeOk),
			at(60, 70, opRelease, "c", outcomeOk),
			at(80, 90, opHold, "d", outcomeRefused),
			at(110, 120, opHold, "e", outcomeOk),
			look(130, 140, stateHeld, "e"),
		},
		"one claim ends, another one lasts": {
			at(0, 50, opClaim, "a", outcomeUnknown),
			at(20, 100, opClaim, "b", outcomeUnknown),
			at(60, 70, opHold, "c", outcomeRefused),
			look(110, 120, stateFree, ""),
		},
		"a hold without an answer happened": {
			at(0, -1, opHold, "a", outcomeUnknown),
			at(20, 30, opHold, "b", outcomeRefused),
			at(40, 50, opConfirm, "a", outcomeOk),
			look(60, 70, stateSold, "a"),
		},
		"a hold without an answer happened much later": {
			at(0, -1, opHold, "a", outcomeUnknown),
			at(20, 30, opHold, "b", outcomeOk),
			at(40, 50, opRelease, "b", outcomeOk),
			look(60, 70, stateFree, ""),
			look(80, 90, stateHeld, "a"),
		},
		"a hold without an answer never happened": {
			at(0, -1, opHold, "a", outcomeUnknown),
			look(20, 30, stateFree, ""),
		},
		"a payment without an answer happened": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, -1, opConfirm, "a", outcomeUnknown),
			look(30, 40, stateSold, "a"),
		},
		"a payment without an answer came too late": {
			at(0, 10, opHold, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			at(3020, -1, opConfirm, "a", outcomeUnknown),
			at(3030, 3040, opHold, "b", outcomeOk),
			look(4000, 4010, stateHeld, "b"),
		},
		"money back without an answer": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opConfirm, "a", outcomeOk),
			at(40, -1, opRelease, "a", outcomeUnknown),
			at(50, 60, opHold, "b", outcomeRefused),
			at(70, 80, opHold, "c", outcomeOk),
			look(90, 95, stateHeld, "c"),
		},
		"an attempt at several seats stood in the way for a moment": {
			at(0, 100, opAttempt, "a", outcomeRefused),
			at(10, 20, opHold, "b", outcomeRefused),
			at(200, 210, opHold, "c", outcomeOk),
			look(300, 310, stateHeld, "c"),
		},
		"an operation of bounded length without an answer": {
			at(0, 10, opHold, "a", outcomeUnknown),
			look(20, 30, stateHeld, "a"),
		},
	} {
		if got := verdictOf(t, history); got != porcupine.Ok {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestBadHistories(t *testing.T) {
	for name, history := range map[string][]record{
		"refused after the last claim": {
			at(0, 50, opClaim, "a", outcomeUnknown),
			at(20, 100, opClaim, "b", outcomeUnknown),
			at(110, 120, opHold, "c", outcomeRefused),
		},
		"a claim is no hold": {
			at(0, 100, opClaim, "a", outcomeUnknown),
			at(20, 30, opConfirm, "a", outcomeOk),
		},
		"a claim hides no second hold": {
			at(0, 100, opClaim, "a", outcomeUnknown),
			at(20, 30, opHold, "b", outcomeOk),
			at(40, 50, opHold, "c", outcomeOk),
		},
		"held twice": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opHold, "b", outcomeOk),
		},
		"held twice at once": {
			at(0, 100, opHold, "a", outcomeOk),
			at(10, 90, opHold, "b", outcomeOk),
		},
		"held after it was sold": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opConfirm, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			at(4000, 4010, opHold, "b", outcomeOk),
		},
		"sold to two": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, -1, opRelease, "a", outcomeUnknown),
			at(30, 40, opHold, "b", outcomeOk),
			at(50, 60, opConfirm, "b", outcomeOk),
			at(70, 80, opConfirm, "a", outcomeOk),
		},
		"a release that was lost": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opRelease, "a", outcomeOk),
			look(40, 50, stateHeld, "a"),
		},
		"a release that was lost, seen by a refusal": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opRelease, "a", outcomeOk),
			at(40, 50, opHold, "b", outcomeRefused),
			look(60, 70, stateFree, ""),
		},
		"a hold that was lost": {
			at(0, 10, opHold, "a", outcomeOk),
			look(20, 30, stateFree, ""),
		},
		"a payment that was lost": {
			at(0, 10, opHold, "a", outcomeOk),
			at(20, 30, opConfirm, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			look(4000, 4010, stateFree, ""),
		},
		"expired too early": {
			at(0, 10, opHold, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			at(2000, 2010, opHold, "b", outcomeOk),
		},
		"paid for after somebody else got it": {
			at(0, 10, opHold, "a", outcomeOk),
			at(3000, -1, opExpire, "a", outcomeUnknown),
			at(3010, 3020, opHold, "b", outcomeOk),
			at(3030, 3040, opConfirm, "a", outcomeOk),
		},
		"a hold without an answer happened twice": {
			at(0, -1, opHold, "a", outcomeUnknown),
			look(10, 20, stateHeld, "a"),
			at(30, 40, opRelease, "a", outcomeOk),
			look(50, 60, stateFree, ""),
			look(70, 80, stateHeld, "a"),
		},
		"refused though nobody had it": {
			at(0, 10, opHold, "a", outcomeRefused),
		},
		"an attempt left the seat behind": {
			at(0, 100, opAttempt, "a", outcomeRefused),
			at(200, 210, opHold, "b", outcomeRefused),
			look(300, 310, stateFree, ""),
		},
		"sold to somebody who never held it": {
			look(0, 10, stateSold, "a"),
		},
	} {
		if got := verdictOf(t, history); got != porcupine.Illegal {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// One wrong seat among many is found, and only that one.
func TestSeatsAreJudgedOneByOne(t *testing.T) {
	var history []record
	for _, name := range []string{"A1", "A2", "A3"} {
		for _, r := range []record{at(0, 10, opHold, "a", outcomeOk), at(20, 30, opHold, "b", outcomeRefused)} {
			r.Seat = name
			history = append(history, r)
		}
	}
	extra := at(40, 50, opHold, "c", outcomeOk)
	extra.Seat = "A2"
	for _, v := range judge(append(history, extra), time.Second) {
		want := porcupine.Ok
		if v.Seat == "A2" {
			want = porcupine.Illegal
		}
		if v.Result != want {
			t.Errorf("%s: %s", v.Seat, v.Result)
		}
	}
}

// A seat that was held by hundreds, with many outcomes unknown, is decided in time, right or wrong.
func TestLongHistories(t *testing.T) {
	build := func(bad bool) []record {
		var history []record
		now := int64(0)
		for i := 0; i < 400; i++ {
			hold := "h" + strings.Repeat("i", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
			history = append(history, at(now, now+10, opHold, hold, outcomeOk))
			history = append(history, at(now+3, now+8, opHold, hold+"x", outcomeRefused))
			history = append(history, at(now+3000, -1, opExpire, hold, outcomeUnknown))
			switch i % 4 {
			case 0:
				history = append(history, at(now+20, now+30, opRelease, hold, outcomeOk))
			case 1:
				history = append(history, at(now+20, -1, opRelease, hold, outcomeUnknown))
			case 2:
				history = append(history, at(now+20, -1, opConfirm, hold, outcomeUnknown))
			}
			if i%100 == 7 {
				history = append(history, at(now, -1, opHold, hold+"lost", outcomeUnknown))
			}
			now += 4000
		}
		if bad {
			history = append(history, at(now, now+10, opHold, "y", outcomeOk),
				at(now+20, now+30, opHold, "z", outcomeOk))
		}
		return history
	}
	if got := verdictOf(t, build(false)); got != porcupine.Ok {
		t.Error(got)
	}
	if got := verdictOf(t, build(true)); got != porcupine.Illegal {
		t.Error(got)
	}
}

func TestFilesAndEnds(t *testing.T) {
	const good = `{"seat":"s","op":"hold","hold":"a","outcome":"ok","call":1,"return":2}
{"seat":"s","op":"expire","hold":"a","outcome":"unknown","call":5,"return":null}
{"seat":"s","op":"read","state":"free","outcome":"ok","call":7,"return":8}
`
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"good":                      {good, 0},
		"bad":                       {good + `{"seat":"s","op":"read","state":"sold","hold":"a","outcome":"ok","call":9,"return":9}`, 1},
		"no JSON":                   {"nonsense", 2},
		"no seat":                   {`{"op":"hold","hold":"a","outcome":"ok","call":1,"return":2}`, 2},
		"backwards":                 {`{"seat":"s","op":"hold","hold":"a","outcome":"ok","call":3,"return":2}`, 2},
		"an answer without a time":  {`{"seat":"s","op":"hold","hold":"a","outcome":"ok","call":3}`, 2},
		"unknown operation":         {`{"seat":"s","op":"steal","hold":"a","outcome":"ok","call":1,"return":2}`, 2},
		"unknown outcome":           {`{"seat":"s","op":"hold","hold":"a","outcome":"fine","call":1,"return":2}`, 2},
		"held by nobody":            {`{"seat":"s","op":"read","state":"held","outcome":"ok","call":1,"return":2}`, 2},
		"a hold without its number": {`{"seat":"s","op":"hold","outcome":"ok","call":1,"return":2}`, 2},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "history")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run(file, time.Second, folder); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
		_, err := os.Stat(filepath.Join(folder, "s.html"))
		if (c.want == 1) != (err == nil) {
			t.Errorf("%s: picture: %v", name, err)
		}
	}
	if got := run(filepath.Join(t.TempDir(), "none"), time.Second, ""); got != 2 {
		t.Errorf("no file: %d", got)
	}
}
