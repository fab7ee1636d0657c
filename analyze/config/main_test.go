package config_test

import (
	"flag"
	"os"
)

var updating = flag.Bool("update", false, "write testdata anew")

// update reports whether expected outputs are to be written anew, which continuous integration never does.
func update() bool { return *updating && os.Getenv("CI") == "" }
