package config_test

import (
	"fmt"
	"log"

	"restate-lint/analyze"
	"restate-lint/analyze/config"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A test of one's own dump that heeds the configuration of the command line.
func Example() {
	snapshot, err := snapshots.Open("../../snapshots/testdata/captures/removed-node-1.7.12/4-tombstone")
	if err != nil {
		log.Fatal(err)
	}
	file, err := config.Read("testdata/example.yaml", "example.yaml")
	if err != nil {
		log.Fatal(err)
	}
	rule := []*rules.Rule{rules.Find("nodeset-removed-node")}
	for _, today := range []analyze.Date{"2027-01-31", "2027-02-01"} {
		result := analyze.CheckWith(snapshot, rule, analyze.Options{Settings: file.Settings()})
		account := config.NewAccount(file, today)
		account.Apply(result)
		fmt.Println(today, analyze.NewReport("1", result).Summary.Suppressed, "suppressed")
		for entry, n := range account.Expired {
			fmt.Printf("line %d expired on %s: %d findings count\n", entry.Line, entry.Expires, n)
		}
	}
	// Output:
	// 2027-01-31 6 suppressed
	// 2027-02-01 0 suppressed
	// line 8 expired on 2027-01-31: 6 findings count
}
