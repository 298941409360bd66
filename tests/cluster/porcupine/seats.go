package main

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	stateFree = "free"
	stateHeld = "held"
	stateSold = "sold"
)

// seat is a register with an owner. What may happen from now on without anybody asking for it, or
// what was asked for and never answered, is part of the state: so the checker need not try every
// moment at which it could have come about.
type seat struct {
	state string
	hold  string
	// Sorted, each with a letter before it: `h` a hold that may still be applied, `e` one that may
	// expire, `r` one that may be released, `c` one that may be confirmed, `x` an attempt that is over,
	// `p` a claim that lasts.
	loose string
}

const separator = "\x00"

// Whoever has a seat that is only claimed: which claim it is does not matter.
const claimed = "claimed"

func (s seat) has(kind, hold string) bool {
	return strings.Contains(s.loose, kind+hold+separator)
}

func (s seat) with(kind, hold string) seat {
	if s.has(kind, hold) {
		return s
	}
	all := strings.SplitAfter(s.loose+kind+hold+separator, separator)
	sort.Strings(all)
	s.loose = strings.Join(all, "")
	return s
}

func (s seat) without(kind, hold string) seat {
	s.loose = strings.Replace(s.loose, kind+hold+separator, "", 1)
	return s
}

func (s seat) freed() seat {
	gone := s.hold
	s.state, s.hold = stateFree, ""
	return s.without("e", gone).without("r", gone).without("c", gone)
}

func (s seat) taken(hold string) seat {
	s.state, s.hold = stateHeld, hold
	return s.without("h", hold)
}

func (s seat) sold() seat {
	s.state = stateSold
	return s.without("c", s.hold).without("e", s.hold)
}

// reachable is s and everything it may have become by itself.
func (s seat) reachable() []seat {
	out := []seat{s}
	seen := map[seat]bool{s: true}
	add := func(x seat) {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	for i := 0; i < len(out); i++ {
		x := out[i]
		switch x.state {
		case stateFree:
			for _, flag := range strings.Split(x.loose, separator) {
				if strings.HasPrefix(flag, "h") {
					add(x.taken(flag[1:]))
				}
				if strings.HasPrefix(flag, "p") {
					add(x.taken(claimed))
				}
			}
		case stateHeld:
			if x.hold == claimed || x.has("e", x.hold) || x.has("r", x.hold) {
				add(x.freed())
			}
			if x.has("c", x.hold) {
				add(x.sold())
			}
		case stateSold:
			if x.has("r", x.hold) {
				add(x.freed())
			}
		}
	}
	return out
}

// step is what a seat in state s may become by r; nothing if r cannot have had its outcome there.
func step(s seat, r record) []seat {
	if r.Outcome == outcomeUnknown && r.Return == nil {
		switch r.Op {
		case opHold:
			return []seat{s.with("h", r.Hold)}
		case opExpire:
			return []seat{s.with("e", r.Hold)}
		case opRelease:
			return []seat{s.with("r", r.Hold)}
		case opConfirm:
			return []seat{s.with("c", r.Hold)}
		}
	}
	if r.Op == opClaim {
		return []seat{s.with("p", r.Hold)}
	}
	var out []seat
	for _, x := range s.reachable() {
		out = append(out, answered(x, r)...)
	}
	return out
}

func answered(s seat, r record) []seat {
	ours := s.state != stateFree && s.hold == r.Hold
	switch r.Op {
	case opHold:
		if r.Outcome == outcomeRefused {
			if s.state == stateFree {
				return nil
			}
			return []seat{s}
		}
		if s.state == stateFree {
			return optional(s, s.taken(r.Hold), r)
		}
	case opRelease:
		if r.Outcome == outcomeRefused {
			return []seat{s} // there are many reasons
		}
		if ours {
			return optional(s, s.freed(), r)
		}
	case opConfirm:
		if r.Outcome == outcomeRefused {
			return []seat{s}
		}
		if ours && s.state == stateHeld {
			return optional(s, s.sold(), r)
		}
		if ours {
			return []seat{s}
		}
	case opExpire:
		if ours && s.state == stateHeld {
			return optional(s, s.freed(), r)
		}
		return []seat{s}
	case opAttempt:
		if s.has("x", r.Hold) || s.state != stateFree {
			return []seat{s}
		}
		return []seat{s, s.taken(r.Hold)}
	case attemptOver:
		if ours {
			s = s.freed()
		}
		return []seat{s.with("x", r.Hold)}
	case claimOver:
		s = s.without("p", r.Hold)
		if s.hold == claimed && !strings.Contains(separator+s.loose, separator+"p") {
			s = s.freed()
		}
		return []seat{s}
	case opRead:
		if s.state == r.State && s.hold == r.Hold {
			return []seat{s}
		}
	}
	if r.Outcome == outcomeUnknown {
		return []seat{s}
	}
	return nil
}

// optional: something without an answer may have had no effect.
func optional(before, after seat, r record) []seat {
	if r.Outcome == outcomeUnknown {
		return []seat{before, after}
	}
	return []seat{after}
}

const (
	attemptOver = "attempt over" // an attempt's second half, in the same interval
	claimOver   = "claim over"   // at its end
)

var model = (&porcupine.NondeterministicModel{
	Init: func() []interface{} { return []interface{}{seat{state: stateFree}} },
	Step: func(state, input, output interface{}) []interface{} {
		var out []interface{}
		for _, s := range step(state.(seat), input.(record)) {
			out = append(out, s)
		}
		return out
	},
	Equal: func(a, b interface{}) bool { return a == b },
	DescribeOperation: func(input, output interface{}) string {
		r := input.(record)
		return fmt.Sprintf("%s %.8s%s at %s: %s", r.Op, r.Hold, r.State, r.Node, r.Outcome)
	},
	DescribeState: func(state interface{}) string { return fmt.Sprint(state) },
}).ToModel()

type verdict struct {
	Seat       string
	Operations []record // of the seat, by the time of their call
	Result     porcupine.CheckResult
	info       porcupine.LinearizationInfo
}

// judge looks at each seat by itself: a history is linearizable if every seat's is.
func judge(history []record, patience time.Duration) []verdict {
	seats := map[string][]record{}
	for _, r := range history {
		seats[r.Seat] = append(seats[r.Seat], r)
	}
	var out []verdict
	for name, records := range seats {
		sort.SliceStable(records, func(i, j int) bool { return records[i].Call < records[j].Call })
		v := verdict{Seat: name, Operations: records}
		v.Result, v.info = porcupine.CheckOperationsVerbose(model, operations(records), patience)
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Seat < out[j].Seat })
	return out
}

func operations(records []record) []porcupine.Operation {
	var out []porcupine.Operation
	add := func(r record) {
		end := r.Call
		if r.Return != nil {
			end = *r.Return
		}
		// What has no end only allows something from its call on, and the sooner it does, the more is
		// possible: no other moment need be tried.
		out = append(out, porcupine.Operation{ClientId: r.Client, Input: r, Call: r.Call, Return: end})
	}
	for _, r := range records {
		switch r.Op {
		case opAttempt:
			add(r)
			r.Op = attemptOver
			add(r)
		case opClaim:
			end := r.Return
			r.Return = &r.Call
			add(r)
			r.Op, r.Call, r.Return = claimOver, *end, end
			add(r)
		default:
			add(r)
		}
	}
	return out
}
