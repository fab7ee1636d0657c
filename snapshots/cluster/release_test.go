package cluster_test

import (
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestReleasesAreSemanticVersions(t *testing.T) {
	testParser(t, ParseRelease, map[string]Release{
		"1.7.12":        {Major: 1, Minor: 7, Patch: 12},
		"1.7.0-rc.1":    {Major: 1, Minor: 7, Pre: "rc.1"},
		"1.7.7-dev+abc": {Major: 1, Minor: 7, Patch: 7, Pre: "dev"},
		"1.0.0-a-b":     {Major: 1, Pre: "a-b"},
		"0.0.0-unknown": {Pre: "unknown"},
	}, "", "1", "1.7", "1.7.12.1", "v1.7.12", "1.7.x", "1.07.1", "1.7.-1", "1.7.1-", "1.7.1-a..b", "1.7.1-é", "1.7.1+", "1.7.2147483648", " 1.7.1", "1..1")
}

func TestReleasesAreOrdered(t *testing.T) {
	ascending := []string{
		"0.0.0-unknown", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-rc", "1.0.0-rc.1", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-rc.a", "1.0.0",
		"1.2.9", "1.2.10", "1.10.0", "2.0.0",
	}
	for i, left := range ascending {
		for j, right := range ascending {
			if got, want := release(t, left).Compare(release(t, right)), sign(i-j); sign(got) != want {
				t.Errorf("%s and %s: got %d, want %d", left, right, got, want)
			}
		}
	}
}

func TestAPreReleaseIsNotYetTheRelease(t *testing.T) {
	for input, want := range map[string]bool{
		"1.4.2": false, "1.4.3-rc.1": false, "1.4.3": true, "1.4.4-rc.1": true, "1.5.0": true, "2.0.0": true, "0.0.0-unknown": false,
	} {
		if got := release(t, input).AtLeast(1, 4, 3); got != want {
			t.Errorf("%s at least 1.4.3: got %v", input, got)
		}
	}
}

func TestARestateThatHasNotSaidItsReleaseIsUnknown(t *testing.T) {
	for input, want := range map[string]bool{"0.0.0-unknown": true, "0.0.0": true, "0.0.1": false, "1.0.0": false} {
		if got := release(t, input).IsZero(); got != want {
			t.Errorf("%s: got %v", input, got)
		}
	}
}

func release(t *testing.T, input string) Release {
	t.Helper()
	release, err := ParseRelease(input)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func sign(number int) int { return min(max(number, -1), 1) }
