// Package snapshots reads what was captured of a Restate cluster: bytes in, a Snapshot with positions out.
//
// Documents are told by their content. Whatever is missing, damaged or unknown becomes a Gap or an Oddity, and the rest
// is read all the same. The log metadata can be far larger than memory, so Logs.Each hands out one log at a time; all
// other documents are held, without what no rule needs.
package snapshots
