package golden_test

import (
	"fmt"
	"log"

	"restate-lint/analyze"
	"restate-lint/golden"
	"restate-lint/rules"
	"restate-lint/snapshots"
)

// A team holds a dump of its own cluster against the report that it accepted with "restate-lint golden accept --dir
// testdata DUMP". In a test, log.Fatal is t.Fatal, and a difference that is not empty is a t.Error.
func Example() {
	snapshot, err := snapshots.Open("../snapshots/testdata/captures/service-load-1.7.12")
	if err != nil {
		log.Fatal(err)
	}
	current := golden.Of(analyze.Check(snapshot, rules.All()))
	accepted, err := golden.Store{Dir: "testdata"}.Read(snapshot.Name)
	if err != nil {
		log.Fatal(err)
	}
	difference := golden.Compare(accepted, current)
	fmt.Printf("%v%v\n", difference, difference.Empty())
	// Output:
	// service-load-1.7.12: as accepted
	// true
}

// What the removal of a node changed, judged by one rule.
func ExampleCompare() {
	report := func(step string) *golden.Golden {
		snapshot, err := snapshots.Open("../snapshots/testdata/captures/removed-node-1.7.12/" + step)
		if err != nil {
			log.Fatal(err)
		}
		snapshot.Name = "removed-node"
		return golden.Of(analyze.Check(snapshot, []*rules.Rule{rules.Find("nodeset-removed-node")}))
	}
	difference := golden.Compare(report("3-disabled"), report("4-tombstone"))
	for _, change := range difference.Changes() {
		if change.Subject == golden.AFinding {
			fmt.Println(change.Kind, change.Key)
		}
	}
	// Output:
	// new nodeset-removed-node@log/0/segment/0/node/N4
	// new nodeset-removed-node@log/0/segment/8/node/N4
	// new nodeset-removed-node@log/1/segment/0/node/N4
	// new nodeset-removed-node@log/2/segment/0/node/N4
	// new nodeset-removed-node@log/3/segment/0/node/N4
	// new nodeset-removed-node@log/3/segment/5/node/N4
}
