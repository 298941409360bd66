// seatjudge reads a history of seats as JSON lines and says whether each seat behaved like a
// register: held by one at a time, given back before it is held again, sold once.
//
// Usage: seatjudge [-patience 60s] [-pictures FOLDER] FILE
//
// Ends with 0 if it did, 1 if it did not, 2 if the file cannot be read, 3 if time ran out.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

func main() {
	patience := flag.Duration("patience", time.Minute, "for one seat")
	pictures := flag.String("pictures", "", "folder for a page about each seat that is wrong")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(flag.Arg(0), *patience, *pictures))
}

func run(file string, patience time.Duration, pictures string) int {
	in, err := os.Open(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer in.Close()
	history, err := readHistory(in)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
		return 2
	}
	wrong, undecided := 0, 0
	all := judge(history, patience)
	for _, v := range all {
		switch v.Result {
		case porcupine.Ok:
			continue
		case porcupine.Illegal:
			wrong++
		default:
			undecided++
		}
		describe(v)
		if pictures != "" {
			page := filepath.Join(pictures, v.Seat+".html")
			if err := porcupine.VisualizePath(model, v.info, page); err != nil {
				fmt.Fprintln(os.Stderr, err)
			} else {
				fmt.Printf("  drawn in %s\n", page)
			}
		}
	}
	fmt.Printf("%d seats, %d operations: %d seats wrong, %d undecided\n", len(all), len(history), wrong,
		undecided)
	switch {
	case wrong > 0:
		return 1
	case undecided > 0:
		return 3
	}
	return 0
}

func describe(v verdict) {
	if v.Result == porcupine.Illegal {
		fmt.Printf("seat %s is no register:\n", v.Seat)
	} else {
		fmt.Printf("seat %s: not decided in time\n", v.Seat)
	}
	for _, r := range v.Operations {
		end := "never"
		if r.Return != nil {
			end = fmt.Sprintf("%.3f ms", float64(*r.Return)/1e6)
		}
		fmt.Printf("  %.3f ms - %s: client %d at %s: %s %s%s: %s\n", float64(r.Call)/1e6, end, r.Client,
			r.Node, r.Op, r.State, r.Hold, r.Outcome)
	}
}
