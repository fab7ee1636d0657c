package config

import _ "embed"

// Starter is a file that changes nothing, to begin with: everything that can be said stands in it as a comment.
//
//go:embed starter.yaml
var Starter []byte
