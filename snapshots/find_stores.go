package snapshots

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// storeFolders are the folders of a snapshot that copies of stores are put into, beside the folders of exports.
var storeFolders = []string{"etcd", "bucket", "object-store"}

// nodeFolders are the databases in the data directory of a node that are read; idleFolders those that are not.
var (
	nodeFolders = []string{"replicated-metadata-server", "local-metadata-store", "log-store"}
	idleFolders = []string{"db", "db-snapshots", "local-loglet"}
)

// etcdFile is where a member of etcd keeps its database, below its data directory.
const etcdFile = "member/snap/db"

// storeFiles returns the files of the stores that belong to a directory, given its folders: what is in a folder for stores,
// what is in the databases of the data directory of a node or of etcd, and that of every such directory directly below.
func (f *finder) storeFiles(at folder, folders []string) (files []string) {
	for _, name := range folders {
		sub := at.sub(name)
		switch {
		case slices.Contains(storeFolders, name), slices.Contains(nodeFolders, name):
			files = append(files, f.below(sub, name)...)
		case slices.Contains(exportFolders, name):
		case name == path.Dir(path.Dir(etcdFile)):
			files = append(files, etcdFiles(at, ".")...)
		default:
			files = append(files, f.dataFiles(sub, name)...)
		}
	}
	return files
}

// dataFiles returns the files of the stores in a data directory; none if it is no data directory, or a snapshot of its own.
func (f *finder) dataFiles(at folder, prefix string) (files []string) {
	entries, err := fs.ReadDir(at.fsys, at.dir)
	if err != nil {
		return nil // whoever searches it will say so
	}
	marker := ""
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == metadataFolder:
			return nil
		case name == markerFile && entry.Type().IsRegular():
			marker = path.Join(prefix, name)
		case entry.IsDir() && slices.Contains(nodeFolders, name):
			files = append(files, f.below(at.sub(name), path.Join(prefix, name))...)
		case entry.IsDir() && name == path.Dir(path.Dir(etcdFile)):
			files = append(files, etcdFiles(at, prefix)...)
		}
	}
	if len(files) > 0 && marker != "" {
		files = append(files, marker)
	}
	return files
}

// etcdFiles returns the database of a data directory of etcd's.
func etcdFiles(at folder, prefix string) []string {
	if info, err := fs.Stat(at.fsys, path.Join(at.dir, etcdFile)); err == nil && info.Mode().IsRegular() {
		return []string{path.Join(prefix, etcdFile)}
	}
	return nil
}

// searched reports whether a folder of a snapshot is not searched for others: it belongs to the snapshot, or to a server.
func searched(files []string, name string) bool {
	return slices.Contains(exportFolders, name) || slices.Contains(idleFolders, name) ||
		slices.ContainsFunc(files, func(file string) bool { return strings.HasPrefix(file, name+"/") })
}

// onlyStores returns the files of the snapshots below a directory, if they are one and nothing but a store, or all RocksDB
// databases. So a copy of a bucket is found whatever its prefix is, and the metadata servers of a cluster are found together
// whatever their directories are called.
func (f *finder) onlyStores(at folder) []string {
	var all []string
	found, databases, documents := 0, 0, false
	f.walk(at, 0, func(below folder, files []string, _ int) bool {
		found++
		if slices.ContainsFunc(files, func(file string) bool { return path.Base(file) == databaseFile }) {
			databases++
		}
		for _, file := range files {
			documents = documents || promised(file) && path.Ext(file) == ".json"
			all = append(all, path.Join(strings.TrimPrefix(strings.TrimPrefix(below.dir, at.dir), "/"), file))
		}
		return !documents && (found == 1 || databases == found)
	})
	if documents || found > 1 && databases < found {
		return nil
	}
	slices.Sort(all)
	return all
}
