// Package migrations holds the numbered SQL files that make and change the
// database. They are run in the order of their numbers, each in a transaction,
// by package store. A file that has been released never changes.
package migrations

import "embed"

// Files are the SQL files, in goose's form.
//
//go:embed *.sql
var Files embed.FS
