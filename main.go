// Command restate-lint checks snapshots of Restate cluster metadata, offline.
package main

import (
	"os"

	"restate-lint/internal/commands"
)

func main() {
	os.Exit(commands.Run(os.Args[1:], commands.Environment{
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
	}))
}
