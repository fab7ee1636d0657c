package rules

import (
	"reflect"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// Sharing changes nothing that a finding says.
func TestFindingsShareWhatTheySay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[ab]{0,2}`)
		list := rapid.SliceOfN(text, 0, 2)
		var all shared
		for range rapid.IntRange(1, 30).Draw(r, "findings") {
			f := Finding{Nodeset: text.Draw(r, "nodeset"), Observed: text.Draw(r, "observed"), Why: text.Draw(r, "why"), Remedy: list.Draw(r, "remedy")}
			for _, message := range list.Draw(r, "related") {
				f.Related = append(f.Related, Related{Message: message})
			}
			before := f
			all.with(&f)
			same := len(before.Remedy) == len(f.Remedy) && (len(f.Remedy) == 0 || reflect.DeepEqual(before.Remedy, f.Remedy))
			same = same && len(before.Related) == len(f.Related) && (len(f.Related) == 0 || reflect.DeepEqual(before.Related, f.Related))
			if before.Remedy, before.Related, f.Remedy, f.Related = nil, nil, nil, nil; !same || !reflect.DeepEqual(before, f) {
				r.Fatalf("%+v became %+v", before, f)
			}
		}
	})
	var all shared
	one, two := Finding{Why: string([]byte("why")), Remedy: []string{"this"}}, Finding{Why: string([]byte("why")), Remedy: []string{"this"}}
	all.with(&one)
	all.with(&two)
	if unsafe.StringData(one.Why) != unsafe.StringData(two.Why) || &one.Remedy[0] != &two.Remedy[0] {
		t.Error("equal texts are held twice")
	}
}
