// Command generate writes the documents of a made-up cluster into a directory, exactly as restatectl prints them:
//
//	go run .ci/peers/generate.go -megabytes 100 DIRECTORY
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"restate-lint/internal/testcluster"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	cluster := testcluster.Cluster{Seed: 1, Zones: 3, SealedEvery: 100}
	flag.IntVar(&cluster.Nodes, "nodes", 24, "registered nodes")
	flag.IntVar(&cluster.Members, "members", 9, "nodes in a nodeset")
	flag.IntVar(&cluster.Nodesets, "nodesets", 200, "different nodesets")
	flag.IntVar(&cluster.Segments, "segments", 49, "segments in each chain")
	flag.IntVar(&cluster.Logs, "logs", 0, "logs; by default as many as the size takes")
	flag.IntVar(&cluster.Unknown, "unknown", 1000, "segments that name a node which was never registered")
	flag.BoolVar(&cluster.Compact, "compact", false, "without white space")
	megabytes := flag.Int("megabytes", 100, "size of the log metadata")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("one directory, please")
	}
	dir := flag.Arg(0)
	if cluster.Logs == 0 {
		sample := cluster
		sample.Logs = 100
		var size counter
		if err := sample.WriteLogs(&size); err != nil {
			return err
		}
		cluster.Logs = max(1, *megabytes*1_000_000*sample.Logs/int(size))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return cluster.Write(dir)
}

// counter counts what is written.
type counter int

func (c *counter) Write(text []byte) (int, error) {
	*c += counter(len(text))
	return len(text), nil
}
