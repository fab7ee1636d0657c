package cluster

import "slices"

// Class says what the nodes configuration knows of a node id that another document refers to.
type Class uint8

const (
	// Undetermined is the class of a node whose entry in the nodes configuration was not captured or cannot be read.
	Undetermined Class = iota
	// Active is the class of a registered node. It says nothing about whether its process runs.
	Active
	// Removed is the class of a node that left the cluster and is kept as a tombstone. Restate treats it as a disabled
	// node: it silently drops out of every nodeset.
	Removed
	// Unknown is the class of a node that the nodes configuration never heard of: newer than the captured
	// configuration, or impossible. Restate treats it as a provisioning node without a location: it stays in the
	// nodeset, as a member that takes no write and never answers.
	Unknown
)

// String returns the class as reports print it.
func (class Class) String() string {
	switch class {
	case Active:
		return "active"
	case Removed:
		return "removed"
	case Unknown:
		return "unknown"
	}
	return "not captured"
}

// StorageState is the state of a node's log server. A spelling that this package does not know is kept. It comes from a
// newer Restate, and says nothing about what the node can do; the node is then given every ability, so that no
// alarm rests on a guess. Reporting the spelling itself is up to the caller. The empty state is such a spelling:
// whoever reads a configuration without the field fills in StorageProvisioning, as Restate does.
type StorageState string

// The storage states of Restate 1.1 and later.
const (
	StorageProvisioning StorageState = "provisioning"
	StorageReadWrite    StorageState = "read-write"
	StorageReadOnly     StorageState = "read-only"
	StorageGone         StorageState = "gone" // since Restate 1.3
	StorageDataLoss     StorageState = "data-loss"
	StorageDisabled     StorageState = "disabled"
)

var storageStates = []StorageState{
	StorageProvisioning, StorageReadWrite, StorageReadOnly, StorageGone, StorageDataLoss, StorageDisabled,
}

// StorageStates returns the known storage states, in the order of a node's life.
func StorageStates() []StorageState { return slices.Clone(storageStates) }

// Known reports whether the state is one of StorageStates.
func (state StorageState) Known() bool { return slices.Contains(storageStates, state) }

// Empty reports whether a node in this state holds no records and so is no member of any nodeset that names it.
func (state StorageState) Empty() bool { return state == StorageDisabled }

// Authoritative reports whether what a node in this state does not have was never written to it. Only data-loss says the
// opposite; gone and disabled are authoritative in Restate's own checker.
func (state StorageState) Authoritative() bool { return state != StorageDataLoss }

// AcceptsWrites reports whether a node in this state takes records of a nodeset that already names it. Read-only does
// since Restate 1.4.3, and counts as doing so where the release is not known.
func (state StorageState) AcceptsWrites(release Release) bool {
	switch state {
	case StorageReadOnly:
		return release.IsZero() || release.AtLeast(1, 4, 3)
	case StorageProvisioning, StorageGone, StorageDataLoss, StorageDisabled:
		return false
	}
	return true
}

// MayAnswer reports whether a node in this state takes part in sealing and in finding a tail when its process runs.
// A log server refuses to start in disabled and data-loss (Restate 1.7), and gone says that the node will not be back.
func (state StorageState) MayAnswer() bool {
	switch state {
	case StorageGone, StorageDataLoss, StorageDisabled:
		return false
	}
	return true
}

// WorkerState is the state of a node's worker. A spelling that this package does not know is kept.
type WorkerState string

// The worker states of Restate 1.4 and later. Where the field is missing, Restate reads WorkerProvisioning.
const (
	WorkerProvisioning WorkerState = "provisioning"
	WorkerActive       WorkerState = "active"
	WorkerDraining     WorkerState = "draining"
	WorkerDisabled     WorkerState = "disabled"
)

var workerStates = []WorkerState{WorkerProvisioning, WorkerActive, WorkerDraining, WorkerDisabled}

// WorkerStates returns the known worker states, in the order of a node's life.
func WorkerStates() []WorkerState { return slices.Clone(workerStates) }

// Known reports whether the state is one of WorkerStates.
func (state WorkerState) Known() bool { return slices.Contains(workerStates, state) }

// MetadataServerState is the state of a node's metadata server. A spelling that this package does not know is kept.
type MetadataServerState string

// The metadata server states of Restate 1.2 and later. Where the field is missing, Restate 1.2 to 1.4 reads
// MetadataMember, 1.5 and later MetadataProvisioning.
const (
	MetadataProvisioning MetadataServerState = "provisioning" // since Restate 1.4
	MetadataStandby      MetadataServerState = "standby"
	MetadataMember       MetadataServerState = "member"
)

var metadataServerStates = []MetadataServerState{MetadataProvisioning, MetadataStandby, MetadataMember}

// MetadataServerStates returns the known metadata server states, in the order of a node's life.
func MetadataServerStates() []MetadataServerState { return slices.Clone(metadataServerStates) }

// Known reports whether the state is one of MetadataServerStates.
func (state MetadataServerState) Known() bool { return slices.Contains(metadataServerStates, state) }

// Role is a service that a node runs. A spelling that this package does not know is kept.
type Role string

// The roles of Restate 1.0 and later.
const (
	RoleHTTPIngress    Role = "http-ingress" // since Restate 1.2
	RoleAdmin          Role = "admin"
	RoleWorker         Role = "worker"
	RoleLogServer      Role = "log-server" // since Restate 1.1
	RoleMetadataServer Role = "metadata-server"
)

// roleMetadataStore is what Restate 1.0 to 1.2 write for RoleMetadataServer. Later releases still read it.
const roleMetadataStore Role = "metadata-store"

var roles = []Role{RoleHTTPIngress, RoleAdmin, RoleWorker, RoleLogServer, RoleMetadataServer}

// Roles returns the known roles.
func Roles() []Role { return slices.Clone(roles) }

// Canonical returns the role as Restate 1.3 and later spell it: "metadata-store", from before, becomes RoleMetadataServer.
func (role Role) Canonical() Role {
	if role == roleMetadataStore {
		return RoleMetadataServer
	}
	return role
}

// Known reports whether the role is one of Roles, in either spelling.
func (role Role) Known() bool { return slices.Contains(roles, role.Canonical()) }
