package cluster_test

import (
	"testing"

	. "restate-lint/snapshots/cluster"
)

func TestStorageStatesAllowWhatRestateAllows(t *testing.T) {
	old, recent := Release{Major: 1, Minor: 4, Patch: 2}, Release{Major: 1, Minor: 4, Patch: 3}
	type abilities struct{ known, empty, authoritative, writesOld, writesRecent, writesUnknownRelease, answers bool }
	for state, want := range map[StorageState]abilities{
		StorageProvisioning: {known: true, authoritative: true, answers: true},
		StorageReadWrite:    {known: true, authoritative: true, writesOld: true, writesRecent: true, writesUnknownRelease: true, answers: true},
		StorageReadOnly:     {known: true, authoritative: true, writesRecent: true, writesUnknownRelease: true, answers: true},
		StorageGone:         {known: true, authoritative: true},
		StorageDataLoss:     {known: true},
		StorageDisabled:     {known: true, empty: true, authoritative: true},
		"melting":           {authoritative: true, writesOld: true, writesRecent: true, writesUnknownRelease: true, answers: true},
		"":                  {authoritative: true, writesOld: true, writesRecent: true, writesUnknownRelease: true, answers: true},
	} {
		got := abilities{
			state.Known(), state.Empty(), state.Authoritative(),
			state.AcceptsWrites(old), state.AcceptsWrites(recent), state.AcceptsWrites(Release{}), state.MayAnswer(),
		}
		if got != want {
			t.Errorf("%q: got %+v, want %+v", state, got, want)
		}
	}
}

func TestEveryListedSpellingIsKnown(t *testing.T) {
	allKnown(t, StorageStates(), 6)
	allKnown(t, WorkerStates(), 4)
	allKnown(t, MetadataServerStates(), 3)
	allKnown(t, Roles(), 5)
	if WorkerState("").Known() || MetadataServerState("Member").Known() || Role("metadata").Known() {
		t.Error("a foreign spelling is known")
	}
}

func allKnown[Value interface{ Known() bool }](t *testing.T, values []Value, count int) {
	t.Helper()
	if len(values) != count {
		t.Errorf("%d values, want %d", len(values), count)
	}
	for _, value := range values {
		if !value.Known() {
			t.Errorf("%v is not known", value)
		}
	}
}

func TestTheOldSpellingOfTheMetadataServerRoleIsKnown(t *testing.T) {
	old := Role("metadata-store")
	if !old.Known() || old.Canonical() != RoleMetadataServer || RoleAdmin.Canonical() != RoleAdmin {
		t.Error("metadata-store is not read as metadata-server")
	}
}

func TestAClassLeftOutIsNotActive(t *testing.T) {
	var class Class
	if class == Active || class.String() != "not captured" {
		t.Errorf("got %s", class)
	}
	for class, want := range map[Class]string{Active: "active", Removed: "removed", Unknown: "unknown"} {
		if class.String() != want {
			t.Errorf("got %s, want %s", class, want)
		}
	}
}
