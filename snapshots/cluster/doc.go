// Package cluster holds the words of a Restate cluster and the arithmetic over them: identifiers, times,
// locations, replication properties, node states, releases, and what a nodeset can still do by configuration.
//
// It knows nothing of files, JSON or rules. Values that a capture may hold but Restate would not write are kept as
// they are, so that they can be reported; where a function has to decide on one, its comment says how.
package cluster
